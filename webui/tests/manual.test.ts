// The operator's manual as the page has it.
import { expect, test } from 'vitest';
import { divide, manual, pathOf } from '../src/lib/manual/manual';
import { search } from '../src/lib/manual/search';
import type { Inline } from '../src/lib/markdown/nodes';

test('every subject that an operator looks for has a page, with a title and a subject', () => {
  const names = manual.pages.map((page) => page.name);
  for (const name of [
    ...['install', 'directory', 'certificates', 'models', 'keys', 'backup', 'upgrade', 'recovery'],
    ...['spill', 'hardening', 'audit', 'limits'],
  ])
    expect(names).toContain(name);
  for (const page of manual.pages) {
    expect(page.title).toMatch(/^[A-Z]/);
    expect(page.subject.length).toBeGreaterThan(10);
    expect(page.sections.map((section) => section.text).join('').length).toBeGreaterThan(200);
  }
});

test('every link of the manual leads to a page of it, and to a heading that is there', () => {
  const links: string[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (value && typeof value === 'object') {
      const node = value as Inline;
      if (node.kind === 'link') links.push(node.address);
      Object.values(value).forEach(collect);
    }
  };
  collect(manual);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) {
    const path = pathOf(link);
    expect(path, link).toMatch(/^\/help\/[a-z]+/);
    const [, name, id] = /^\/help\/([a-z]+)(?:#(.*))?$/.exec(path ?? '') ?? [];
    const page = manual.pages.find((each) => each.name === name);
    if (id) expect(page?.sections.map((section) => section.id)).toContain(id);
  }
});

test.each([
  'https://evil.example/',
  '//evil.example',
  'javascript:alert(1)',
  '../README.md',
  'none.md',
  '#top',
])('a link to %s leads nowhere', (address) => {
  expect(pathOf(address)).toBeNull();
});

test('a text is divided at its headings, each with an address of its own', () => {
  const sections = divide('# One\n\nfirst\n\n## A key, lost\n\nsecond\n\n- third\n');
  expect(sections.map(({ id, heading, text }) => [id, heading, text.trim()])).toEqual([
    ['', 'One', 'first'],
    ['a-key-lost', 'A key, lost', 'second\nthird'],
  ]);
});

test('a search finds sections that have all the words, those in headings first', () => {
  const found = search(manual.pages, 'recovery key lost');
  expect(found.length).toBeGreaterThan(0);
  expect(found[0]?.page.name).toBe('recovery');
  expect(search(manual.pages, 'no-such-word-anywhere')).toEqual([]);
  expect(search(manual.pages, '  ')).toEqual([]);
  expect(found.every((one) => one.excerpt.length < 200)).toBe(true);
});
