// Runes everywhere; an accessibility warning is an error of the check.
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
    compilerOptions: { runes: true },
    preprocess: vitePreprocess(),
};
