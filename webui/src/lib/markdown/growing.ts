// Markdown of a text that only grows: each piece parses the last block again and leaves the others alone.
//
// **Invariant:** after any pieces, `blocks` equals the blocks of the whole text parsed at once. It holds because a
// block that another one follows is closed for good (there are no reference definitions here, see parse.ts), and
// only complete lines decide that it is closed: half a line may still turn out to continue it.
import type { TopBlock } from './nodes';
import { parse } from './parse';

export class GrowingMarkdown {
  #settled: TopBlock[] = [];
  #tail = '';
  /** The line of the whole text on which the tail begins. */
  #tailLine = 0;

  constructor(text = '') {
    this.#tail = text;
    this.#settle();
  }

  append(piece: string): void {
    this.#tail += piece;
    if (piece.includes('\n')) this.#settle();
  }

  /** Settled blocks keep their identity from call to call. */
  get blocks(): TopBlock[] {
    return [...this.#settled, ...this.#shift(parse(this.#tail))];
  }

  #settle(): void {
    const complete = this.#tail.slice(0, this.#tail.lastIndexOf('\n') + 1);
    const blocks = parse(complete);
    const last = blocks.at(-1);
    if (blocks.length < 2 || !last) return;
    this.#settled.push(...this.#shift(blocks.slice(0, -1)));
    this.#tail = dropLines(this.#tail, last.line);
    this.#tailLine += last.line;
  }

  #shift(blocks: TopBlock[]): TopBlock[] {
    return blocks.map(({ line, block }) => ({ line: line + this.#tailLine, block }));
  }
}

function dropLines(text: string, count: number): string {
  let at = 0;
  for (let line = 0; line < count; line++) {
    const end = /\r\n|\n|\r/g;
    end.lastIndex = at;
    const found = end.exec(text);
    if (!found) return '';
    at = found.index + found[0].length;
  }
  return text.slice(at);
}
