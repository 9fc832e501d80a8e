// What a message may look like: a closed list of nodes, each drawn by one component.
// There is no node for HTML, so none can reach the page.

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'emphasis' | 'strike'; children: Inline[] }
  | { kind: 'link'; address: string; children: Inline[] }
  | { kind: 'image'; address: string; alt: string }
  | { kind: 'break' };

export type Align = 'left' | 'center' | 'right' | null;

export type Block =
  | { kind: 'paragraph'; inline: Inline[] }
  | { kind: 'heading'; level: number; inline: Inline[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'list'; start: number | null; items: Block[][]; tight: boolean }
  | { kind: 'table'; align: Align[]; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' };

/** A block with the line of the text on which it begins. */
export interface TopBlock {
  line: number;
  block: Block;
}

/** The words alone, for announcements and labels. */
export function plainText(inline: Inline[]): string {
  return inline
    .map((node) => {
      if (node.kind === 'text' || node.kind === 'code') return node.text;
      if (node.kind === 'image') return node.alt;
      return node.kind === 'break' ? ' ' : plainText(node.children);
    })
    .join('');
}
