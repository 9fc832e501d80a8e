// Nothing that a model writes becomes more than text: the corpus is shared with the tests of the whole appliance.
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, expect, test } from 'vitest';
import corpus from '../../tests/fixtures/hostile-markdown.json';
import { loadLanguage, highlight } from '../src/lib/markdown/highlight';
import Markdown from '../src/lib/markdown/Markdown.svelte';
import { parse } from '../src/lib/markdown/parse';

/** Every element that a message may consist of, with the attributes it may have. */
const ALLOWED: Record<string, string[]> = {
  div: ['class', 'role', 'aria-label', 'tabindex'],
  p: [],
  h3: [],
  h4: [],
  h5: [],
  h6: [],
  ul: [],
  ol: ['start'],
  li: [],
  blockquote: [],
  hr: [],
  br: [],
  strong: [],
  em: [],
  s: [],
  code: [],
  pre: ['tabindex'],
  figure: ['class', 'aria-label'],
  figcaption: [],
  table: [],
  thead: [],
  tbody: [],
  tr: [],
  th: ['scope', 'class'],
  td: ['class'],
  span: ['class'],
  bdi: ['title'],
  button: ['type', 'class', 'aria-label', 'title'],
  svg: ['class', 'viewBox', 'width', 'height', 'aria-hidden', 'focusable'],
  path: ['d'],
};

let mounted: ReturnType<typeof mount> | undefined;

function render(markdown: string): HTMLElement {
  const target = document.createElement('div');
  document.body.append(target);
  mounted = mount(Markdown, { target, props: { blocks: parse(markdown) } });
  flushSync();
  return target;
}

afterEach(async () => {
  if (mounted) await unmount(mounted);
  mounted = undefined;
  document.body.replaceChildren();
});

function offences(root: HTMLElement): string[] {
  const found: string[] = [];
  for (const element of root.querySelectorAll('*')) {
    const name = element.localName;
    const attributes = ALLOWED[name];
    if (!attributes) {
      found.push(`<${name}>`);
      continue;
    }
    for (const { name: attribute, value } of element.attributes) {
      if (!attributes.includes(attribute)) found.push(`<${name} ${attribute}="${value}">`);
    }
  }
  return found;
}

test('the corpus is large enough to mean something', () => {
  expect(corpus.cases.length).toBeGreaterThanOrEqual(200);
  expect(new Set(corpus.cases.map(({ name }) => name)).size).toBe(corpus.cases.length);
});

test.each(corpus.cases)('$name stays text', ({ markdown }) => {
  const root = render(markdown);
  expect(offences(root)).toEqual([]);
});

test.each(corpus.cases.filter(({ name }) => name.startsWith('image')))(
  '$name shows the address it would have fetched',
  ({ markdown }) => {
    const address = /evil\.example|169\.254/.exec(markdown)?.[0];
    const root = render(markdown);
    if (address) expect(root.textContent).toContain(address);
  },
);

test('the check itself finds what it is there to find', () => {
  const root = document.createElement('div');
  const link = document.createElement('a');
  link.setAttribute('href', 'https://evil.example');
  root.append(link, document.createElement('script'));
  expect(offences(root)).toEqual(['<a>', '<script>']);
});

test('coloured code keeps every character', async () => {
  for (const language of ['xml', 'markdown', 'python', 'javascript']) {
    await loadLanguage(language);
    for (const { markdown } of corpus.cases) {
      const runs = highlight(markdown, language);
      expect(runs.map(({ text }) => text).join('')).toBe(markdown);
    }
  }
});
