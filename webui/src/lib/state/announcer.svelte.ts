// What a screen reader is told: whole sentences, politely, one after the other.

/** Cuts a growing text into sentences that are complete. */
export class Sentences {
  #rest = '';

  push(text: string): string[] {
    this.#rest += text;
    const found: string[] = [];
    for (;;) {
      // An end mark needs white space after it, or `3.14` and `e.g.x` would be cut.
      const end = /[.!?…:]["')\]]*\s|\n/.exec(this.#rest);
      if (!end) return found;
      const sentence = this.#rest.slice(0, end.index + end[0].length).trim();
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (sentence) found.push(sentence);
    }
  }

  /** What is left at the end. */
  finish(): string {
    const rest = this.#rest.trim();
    this.#rest = '';
    return rest;
  }
}

class Announcer {
  /** The latest lines; older ones are dropped, having been read. */
  lines = $state<{ id: number; text: string }[]>([]);
  #last = 0;

  say(text: string): void {
    if (!text) return;
    this.lines = [...this.lines.slice(-9), { id: ++this.#last, text }];
  }

  clear(): void {
    this.lines = [];
  }
}

export const announcer = new Announcer();
