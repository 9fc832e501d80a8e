// An answer while it is being written: pieces are gathered and drawn once a frame.
import { GrowingMarkdown } from '../markdown/growing';
import type { QueuePlace } from '../api/types';
import type { TopBlock } from '../markdown/nodes';
import { Sentences, announcer } from '../state/announcer.svelte';

export class LiveAnswer {
  blocks = $state.raw<TopBlock[]>([]);
  /** Place in the queue while the answer has not begun, else null. */
  queue = $state<QueuePlace | null>(null);
  text = '';
  #markdown = new GrowingMarkdown();
  #sentences = new Sentences();
  #waiting = '';
  #frame: number | undefined;

  constructor(readonly id: string) {}

  append(piece: string): void {
    this.queue = null;
    this.text += piece;
    this.#waiting += piece;
    // A hidden page has no frames; its text is drawn when it is shown again.
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  finish(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#draw();
    announcer.say(this.#sentences.finish());
  }

  #draw(): void {
    this.#frame = undefined;
    const piece = this.#waiting;
    this.#waiting = '';
    this.#markdown.append(piece);
    this.blocks = this.#markdown.blocks;
    for (const sentence of this.#sentences.push(piece)) announcer.say(sentence);
  }
}
