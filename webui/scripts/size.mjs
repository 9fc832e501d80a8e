// Checks the build: the initial load stays within its budget, and the files stay within the syntax of the
// oldest browsers that we promise (Chromium 109, Firefox ESR 115).
import { parse } from 'acorn';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 200 * 1024;
// What a signed-in person needs before the first chat is on the screen.
const FIRST_VIEW = ['src/main.ts', 'src/routes/SignIn.svelte', 'src/routes/Chats.svelte'];
// CSS that Chromium 109 or Firefox 115 does not know and that the build does not lower.
const TOO_NEW = [
    /:has\(/,
    /color-mix\(/,
    /oklch\(/,
    /light-dark\(/,
    /@starting-style/,
    /field-sizing/,
    /[{;]\s*&/,
];

const dist = new URL('../dist/', import.meta.url).pathname;
const gzip = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));

/** Every file that loading one source pulls in without another click. */
function needed(source, files = new Set(['index.html'])) {
    const chunk = manifest[source];
    if (!chunk || files.has(chunk.file)) return files;
    files.add(chunk.file);
    for (const sheet of chunk.css ?? []) files.add(sheet);
    for (const imported of chunk.imports ?? []) needed(imported, files);
    return files;
}

const entry = manifest['index.html'] ? 'index.html' : 'src/main.ts';
const files = new Set();
for (const source of [entry, ...FIRST_VIEW]) needed(source, files);
let total = 0;
for (const file of files) {
    const bytes = gzip(file);
    total += bytes;
    console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(
    `${(total / 1024).toFixed(1).padStart(8)} KB  initial load, gzip; the budget is ${BUDGET / 1024} KB`,
);

const problems = total > BUDGET ? ['The initial load is over its budget.'] : [];
for (const name of readdirSync(dist, { recursive: true }).map(String)) {
    if (name.endsWith('.js')) {
        try {
            parse(readFileSync(join(dist, name), 'utf8'), { ecmaVersion: 2022, sourceType: 'module' });
        } catch (error) {
            problems.push(`${name}: ${error.message} (newer than ES2022)`);
        }
    }
    if (name.endsWith('.css')) {
        const css = readFileSync(join(dist, name), 'utf8');
        for (const pattern of TOO_NEW)
            if (pattern.test(css)) problems.push(`${name}: uses ${pattern.source}`);
    }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
