// Checks the build: the initial load stays within its budget, and the files stay within what the oldest browsers
// that we promise can read (Chromium 109, Firefox ESR 115).
import { parse } from 'acorn';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 200 * 1024;
// The initial load is what a signed-in person needs before the first chat is on the screen.
const FIRST_PAGE = /^assets\/Chats-[^/]+\.(js|css)$/;
// CSS that the old browsers do not know and that the build does not lower.
const NEW_CSS = [
    /:has\(/,
    /color-mix\(/,
    /oklch\(/,
    /light-dark\(/,
    /@starting-style/,
    /field-sizing/,
    /[{;]\s*&/,
];
// Functions that came later than the old browsers; no build lowers these.
const NEW_CALLS =
    /\b(?:toSorted|toReversed|toSpliced|withResolvers|groupBy|canParse|isWellFormed|fromAsync|moveBefore|showPopover)\(|\bAbortSignal\.any\b|\bIntl\.Segmenter\b/;

const dist = new URL('../dist/', import.meta.url).pathname;
const read = (file) => readFileSync(join(dist, file), 'utf8');
const files = readdirSync(dist, { recursive: true }).map(String);
const problems = [];
/** Of each script, the scripts that it cannot start without. */
const imports = new Map();

for (const file of files.filter((name) => name.endsWith('.js'))) {
    const code = read(file);
    imports.set(file, []);
    try {
        for (const node of parse(code, { ecmaVersion: 2022, sourceType: 'module' }).body) {
            if (node.type === 'ImportDeclaration')
                imports.get(file).push(posix.join(posix.dirname(file), node.source.value));
        }
    } catch (error) {
        problems.push(`${file}: ${error.message} (newer than ES2022)`);
    }
    const call = NEW_CALLS.exec(code);
    if (call) problems.push(`${file}: calls ${call[0]}`);
}
for (const file of files.filter((name) => name.endsWith('.css'))) {
    for (const pattern of NEW_CSS)
        if (pattern.test(read(file))) problems.push(`${file}: uses ${pattern.source}`);
}

const needed = new Set(['index.html']);
function need(file) {
    if (needed.has(file)) return;
    needed.add(file);
    for (const other of imports.get(file) ?? []) need(other);
}
for (const [, file] of read('index.html').matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)) need(file);
const first = files.filter((file) => FIRST_PAGE.test(file));
if (first.length === 0) problems.push('The page of the chats was not found among the built files.');
for (const file of first) need(file);

let total = 0;
for (const file of needed) {
    const bytes = gzipSync(read(file), { level: 9 }).length;
    total += bytes;
    console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(
    `${(total / 1024).toFixed(1).padStart(8)} KB  initial load, gzip; the budget is ${BUDGET / 1024} KB`,
);
if (total > BUDGET) problems.push('The initial load is over its budget.');
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
