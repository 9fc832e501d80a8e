// The operator's manual, the same text as on the stick: bundled with the page, so that it needs nothing to be read.
import { parse } from '../markdown/parse';
import { plainText, type Block, type TopBlock } from '../markdown/nodes';

const TEXTS = import.meta.glob<string>('../../../../installer/manual/*.md', {
  query: '?raw',
  import: 'default',
  eager: true,
});

export interface Section {
  /** The end of its address, behind `#`; the page's beginning has none. */
  id: string;
  heading: string;
  level: number;
  blocks: TopBlock[];
  /** Its words, to be searched. */
  text: string;
}

export interface Page {
  name: string;
  title: string;
  /** What it is about, in the words of the list of pages. */
  subject: string;
  sections: Section[];
}

export interface Manual {
  /** What is said before the list. */
  beginning: TopBlock[];
  /** In the order of the list. */
  pages: Page[];
}

/** As browsers and forges name headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replace(/ /g, '-');
}

function words(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
    case 'heading':
      return plainText(block.inline);
    case 'code':
      return block.text;
    case 'quote':
      return block.blocks.map(words).join('\n');
    case 'list':
      return block.items.flat().map(words).join('\n');
    case 'table':
      return [block.head, ...block.rows].map((row) => row.map(plainText).join(' ')).join('\n');
    case 'rule':
      return '';
  }
}

export function divide(text: string): Section[] {
  const sections: Section[] = [];
  for (const top of parse(text)) {
    const { block } = top;
    if (block.kind === 'heading' || sections.length === 0) {
      const heading = block.kind === 'heading' ? plainText(block.inline) : '';
      const level = block.kind === 'heading' ? block.level : 1;
      sections.push({ id: level === 1 ? '' : slug(heading), heading, level, blocks: [], text: '' });
    }
    if (block.kind !== 'heading') {
      const section = sections.at(-1);
      section?.blocks.push(top);
      if (section) section.text += `${words(block)}\n`;
    }
  }
  return sections;
}

/** The name of the page that an address of the manual leads to, and what follows it. */
function target(address: string): { name: string; rest: string } | null {
  const [, name, rest] = /^([a-z]+)\.md(#[\w-]*)?$/.exec(address) ?? [];
  return name ? { name, rest: rest ?? '' } : null;
}

/** Rows of the list of pages: what a page is about, and its name. */
function listed(blocks: TopBlock[]): { subject: string; name: string }[] {
  const rows = blocks.flatMap(({ block }) => (block.kind === 'table' ? block.rows : []));
  return rows.flatMap(([subject, link]) => {
    const node = link?.find((each) => each.kind === 'link');
    const name = node?.kind === 'link' ? target(node.address)?.name : undefined;
    return subject && name ? [{ subject: plainText(subject), name }] : [];
  });
}

function textOf(name: string): string | undefined {
  return Object.entries(TEXTS).find(([path]) => path.endsWith(`/${name}.md`))?.[1];
}

function read(): Manual {
  const blocks = divide(textOf('README') ?? '').flatMap((section) => section.blocks);
  const isList = ({ block }: TopBlock) => block.kind === 'table';
  const pages = listed(blocks).flatMap(({ subject, name }) => {
    const text = textOf(name);
    if (text === undefined) return [];
    const sections = divide(text);
    return [{ name, subject, sections, title: sections[0]?.heading ?? name }];
  });
  return { beginning: blocks.slice(0, blocks.findIndex(isList)), pages };
}

export const manual: Manual = read();

/** The path within the appliance of a link in the manual; null for one that leads elsewhere. */
export function pathOf(address: string): string | null {
  const found = target(address);
  if (!found || !manual.pages.some((page) => page.name === found.name)) return null;
  return `/help/${found.name}${found.rest}`;
}
