// Markdown as people see it, whole and while it grows.
import { flushSync, mount } from 'svelte';
import { afterEach, describe, expect, test } from 'vitest';
import corpus from '../../tests/fixtures/hostile-markdown.json';
import { GrowingMarkdown } from '../src/lib/markdown/growing';
import { knownLanguage, LANGUAGES } from '../src/lib/markdown/languages';
import Markdown from '../src/lib/markdown/Markdown.svelte';
import { parse } from '../src/lib/markdown/parse';

const DOCUMENTS = [
  '# Title\n\nA paragraph\nof two lines.\n\n- one\n- two\n\n  still two\n\ntext\n',
  'Setext\n======\n\nAnother\n-------\n\ntext\n---\n- - -\n',
  '1. a\n2. b\n   ```js\n   let x = 1;\n\n   let y = 2;\n   ```\n3. c\n\nend',
  '| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 | 4 |\nnot a row? yes, a row\n\nafter',
  '```python\ndef f():\n    return 1\n```\n\n```\nunclosed\n\n# still code\n',
  '> quote\nlazy\n\n> another\n>\n> - list\n>   - deep\n\nend\n',
  '- a\n-\n- b\n---\n- c\n\n\n\n    code?\n\ntext\n\n    code!\n\n\n    more code\ntext',
  'a\r\n\r\nb\r\n- c\r\n- d\r\n\r\ne',
  'one\n\n***\n\n* * *x\n\n+ p\n+ q\n* r\n1) s\n2. t\n',
  '    indented\n\ttab\n\nplain\n    lazy\n',
];

function render(markdown: string): HTMLElement {
  const target = document.createElement('div');
  document.body.append(target);
  mount(Markdown, { target, props: { blocks: parse(markdown) } });
  flushSync();
  return target;
}

afterEach(() => document.body.replaceChildren());

describe('whole', () => {
  test('a table has a head, aligned cells and a name', () => {
    const root = render('| a | b |\n|:--|--:|\n| 1 | **2** |');
    expect(root.querySelector('[role=group]')?.getAttribute('aria-label')).toBe('Table');
    expect([...root.querySelectorAll('th')].map((cell) => cell.textContent)).toEqual(['a', 'b']);
    expect(root.querySelector('td:last-child')?.className).toBe('align-right');
    expect(root.querySelector('td strong')?.textContent).toBe('2');
  });

  test('code keeps its text and can be copied', () => {
    const root = render('```rust\nfn main() {}\n```');
    expect(root.querySelector('pre')?.textContent).toBe('fn main() {}\n');
    expect(root.querySelector('figcaption span')?.textContent).toBe('rust');
    expect(root.querySelector('[aria-label="Copy code"]')).not.toBeNull();
  });

  test('a link is its text, its address and a button to copy it', () => {
    const root = render('See [the manual](https://host.example/a).');
    expect(root.querySelector('a')).toBeNull();
    expect(root.textContent).toContain('the manual');
    expect(root.querySelector('bdi')?.textContent).toBe('https://host.example/a');
    expect(root.querySelector('[aria-label="Copy address https://host.example/a"]')).not.toBeNull();
  });

  test('an image is its description and its address', () => {
    const root = render('![a chart](https://host.example/x.png)');
    expect(root.querySelector('img')).toBeNull();
    expect(root.querySelector('.image')?.textContent).toBe('Image, not loaded: a chart');
  });

  test('headings follow the message without gaps', () => {
    const root = render('#### deep\n\n# first\n\n##### deeper\n\n- # in a list');
    expect([...root.querySelectorAll('h3, h4, h5, h6')].map(({ localName }) => localName)).toEqual([
      'h3',
      'h3',
      'h4',
    ]);
    expect(root.querySelector('li strong')?.textContent).toBe('in a list');
  });

  test('lists keep their numbers and their tightness', () => {
    const root = render('3. c\n4. d\n\n- a\n\n- b');
    expect(root.querySelector('ol')?.getAttribute('start')).toBe('3');
    expect(root.querySelector('ol p')).toBeNull();
    expect(root.querySelectorAll('ul p').length).toBe(2);
  });
});

describe('growing', () => {
  test.each([...DOCUMENTS, ...corpus.cases.map(({ markdown }) => markdown)])(
    'any pieces give what the whole gives: %j',
    (text) => {
      for (const size of [1, 3, 7]) {
        const growing = new GrowingMarkdown();
        for (let at = 0; at < text.length; at += size) {
          growing.append(text.slice(at, at + size));
          if (text.length < 400) expect(growing.blocks).toEqual(parse(text.slice(0, at + size)));
        }
        expect(growing.blocks).toEqual(parse(text));
      }
    },
  );

  test('finished blocks are left alone', () => {
    const growing = new GrowingMarkdown('first\n\nsecond\n\nthird');
    const before = growing.blocks;
    growing.append(' grows');
    const after = growing.blocks;
    expect(after[0]).toBe(before[0]);
    expect(after[2]).not.toBe(before[2]);
  });

  test('a token of a long answer costs less than 4 ms', () => {
    const paragraph = 'Some words of an answer with `code` and **weight**.\n\n';
    const growing = new GrowingMarkdown(paragraph.repeat(400));
    const begin = performance.now();
    for (let token = 0; token < 200; token++) {
      growing.append(' word');
      void growing.blocks;
    }
    expect((performance.now() - begin) / 200).toBeLessThan(4);
  });
});

test('every language can be fetched and is known under its own name', async () => {
  for (const [name, load] of Object.entries(LANGUAGES)) {
    expect(knownLanguage(name)).toBe(name);
    expect(typeof (await load()).default).toBe('function');
  }
  expect(knownLanguage('TS')).toBe('typescript');
  expect(knownLanguage('__proto__')).toBeNull();
  expect(knownLanguage('constructor')).toBeNull();
});
