// Markdown to nodes, by markdown-it's tokens and never by its HTML.
import MarkdownIt, { type Token } from 'markdown-it';
import type { Align, Block, Inline, TopBlock } from './nodes';

// `html: false` leaves tags as text. Reference definitions are off: they are invisible in the result and let a
// later line change an earlier block, which a growing answer could not show without drawing it again.
const markdown = new MarkdownIt('default', { html: false, linkify: false, typographer: false }).disable([
  'reference',
]);

// Quotes and lists inside each other deeper than this are text, and emphasis within emphasis adds nothing more:
// no input can exhaust the stack of what draws it.
markdown.options.maxNesting = 40;
const MAX_INLINE_DEPTH = 16;

export function parse(text: string): TopBlock[] {
  const tokens = markdown.parse(text, {});
  const cursor = { tokens, at: 0 };
  const blocks: TopBlock[] = [];
  while (cursor.at < tokens.length) {
    const line = tokens[cursor.at]?.map?.[0] ?? 0;
    const block = readBlock(cursor);
    if (block) blocks.push({ line, block });
  }
  return blocks;
}

interface Cursor {
  tokens: Token[];
  at: number;
}

function readBlock(cursor: Cursor): Block | null {
  const token = cursor.tokens[cursor.at++];
  switch (token?.type) {
    case 'paragraph_open':
      return { kind: 'paragraph', inline: readInlineUntil(cursor, 'paragraph_close') };
    case 'heading_open':
      return {
        kind: 'heading',
        level: Number(token.tag.slice(1)),
        inline: readInlineUntil(cursor, 'heading_close'),
      };
    case 'fence':
      return { kind: 'code', language: token.info.trim().split(/\s+/)[0] ?? '', text: token.content };
    case 'code_block':
      return { kind: 'code', language: '', text: token.content };
    case 'blockquote_open':
      return { kind: 'quote', blocks: readBlocksUntil(cursor, 'blockquote_close') };
    case 'bullet_list_open':
      return readList(cursor, null, 'bullet_list_close');
    case 'ordered_list_open':
      return readList(cursor, Number(token.attrGet('start') ?? 1), 'ordered_list_close');
    case 'table_open':
      return readTable(cursor);
    case 'hr':
      return { kind: 'rule' };
    case 'inline':
      return { kind: 'paragraph', inline: readInline(token.children ?? []) };
    default:
      return null;
  }
}

function readBlocksUntil(cursor: Cursor, close: string): Block[] {
  const blocks: Block[] = [];
  while (cursor.at < cursor.tokens.length && cursor.tokens[cursor.at]?.type !== close) {
    const block = readBlock(cursor);
    if (block) blocks.push(block);
  }
  cursor.at++;
  return blocks;
}

function readInlineUntil(cursor: Cursor, close: string): Inline[] {
  const inline: Inline[] = [];
  while (cursor.at < cursor.tokens.length && cursor.tokens[cursor.at]?.type !== close) {
    inline.push(...readInline(cursor.tokens[cursor.at++]?.children ?? []));
  }
  cursor.at++;
  return inline;
}

function readList(cursor: Cursor, start: number | null, close: string): Block {
  const items: Block[][] = [];
  let tight = true;
  while (cursor.at < cursor.tokens.length && cursor.tokens[cursor.at]?.type !== close) {
    cursor.at++; // list_item_open
    const first = cursor.tokens[cursor.at];
    if (first?.type === 'paragraph_open' && !first.hidden) tight = false;
    items.push(readBlocksUntil(cursor, 'list_item_close'));
  }
  cursor.at++;
  return { kind: 'list', start, items, tight };
}

function readTable(cursor: Cursor): Block {
  const align: Align[] = [];
  const rows: Inline[][][] = [];
  for (;;) {
    const token = cursor.tokens[cursor.at++];
    if (!token || token.type === 'table_close') break;
    if (token.type === 'tr_open') rows.push([]);
    if (token.type === 'th_open') align.push(readAlign(token));
    if (token.type === 'inline') rows.at(-1)?.push(readInline(token.children ?? []));
  }
  return { kind: 'table', align, head: rows[0] ?? [], rows: rows.slice(1) };
}

function readAlign(cell: Token): Align {
  const found = /text-align:(left|center|right)/.exec(String(cell.attrGet('style') ?? ''));
  return (found?.[1] as Align) ?? null;
}

const WRAPPERS: Record<string, 'strong' | 'emphasis' | 'strike'> = {
  strong_open: 'strong',
  em_open: 'emphasis',
  s_open: 'strike',
};

/** Inline tokens are flat with open and close marks: a stack turns them into a tree. */
function readInline(tokens: Token[]): Inline[] {
  const root: Inline[] = [];
  const stack: Inline[][] = [root];
  const add = (node: Inline) => {
    const siblings = stack.at(-1) ?? root;
    const last = siblings.at(-1);
    if (node.kind === 'text' && last?.kind === 'text') last.text += node.text;
    else siblings.push(node);
  };
  for (const token of tokens) {
    const wrapper = WRAPPERS[token.type];
    if (wrapper || token.type === 'link_open') {
      if (stack.length > MAX_INLINE_DEPTH) {
        stack.push(stack.at(-1) ?? root);
        continue;
      }
      const children: Inline[] = [];
      add(
        wrapper
          ? { kind: wrapper, children }
          : { kind: 'link', address: String(token.attrGet('href') ?? ''), children },
      );
      stack.push(children);
    } else if (token.nesting < 0) {
      if (stack.length > 1) stack.pop();
    } else if (token.type === 'code_inline') add({ kind: 'code', text: token.content });
    else if (token.type === 'image')
      add({ kind: 'image', address: String(token.attrGet('src') ?? ''), alt: token.content });
    else if (token.type === 'hardbreak') add({ kind: 'break' });
    else if (token.type === 'softbreak') add({ kind: 'text', text: '\n' });
    else if (token.content) add({ kind: 'text', text: token.content });
  }
  return root;
}
