// Builds the page for the browsers that isolated networks still run, and runs its unit tests.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  // Under test the browser half of Svelte is wanted, not the server half.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  build: {
    target: ['chrome109', 'firefox115'],
    // Everything is a file of its own: the content security policy has no data: for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    proxy: { '/api': { target: 'https://127.0.0.1:8443', secure: false } },
    // The manual lies beside the installer, because it goes on the stick, too.
    fs: { allow: ['.', '../installer/manual'] },
  },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts'] },
}));
