// Lint rules: the recommended sets, and a ban on every way to put a string of HTML into the page.
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

const html = 'Build elements; no string becomes HTML in this page.';

export default ts.config(
    { ignores: ['dist/', 'node_modules/', 'src/lib/api/schema.d.ts'] },
    js.configs.recommended,
    ...ts.configs.strict,
    ...svelte.configs.recommended,
    {
        languageOptions: { globals: { ...globals.browser } },
        rules: {
            eqeqeq: 'error',
            'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
            'no-eval': 'error',
            'no-implied-eval': 'error',
            'no-console': 'error',
            '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
            'no-restricted-properties': [
                'error',
                { property: 'innerHTML', message: html },
                { property: 'outerHTML', message: html },
                { property: 'insertAdjacentHTML', message: html },
                { property: 'createContextualFragment', message: html },
                { object: 'document', property: 'write', message: html },
                { object: 'window', property: 'open', message: 'Nothing opens another page.' },
            ],
        },
    },
    {
        files: ['**/*.svelte', '**/*.svelte.ts'],
        languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
        rules: {
            'svelte/no-at-html-tags': 'error',
            'svelte/no-target-blank': 'error',
            // Dates here are values that never change.
            'svelte/prefer-svelte-reactivity': 'off',
            // Paths are plain strings here: the router is ours.
            'svelte/no-navigation-without-resolve': 'off',
        },
    },
    {
        files: ['scripts/**', '*.config.*', 'tests/browser/**'],
        languageOptions: { globals: { ...globals.node } },
        rules: { 'no-console': 'off' },
    },
);
