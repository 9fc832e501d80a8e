// A list that comes a page at a time and may be narrowed by words.
import type { Page } from '../api/types';

export class Listing<T extends { id: string }> {
  /** Null until the first page is there. */
  items = $state.raw<T[] | null>(null);
  next = $state<string | null>(null);
  error = $state.raw<unknown>(null);
  #asked = 0;

  constructor(readonly read: (query: string, cursor: string | null) => Promise<Page<T>>) {}

  /** From the beginning. What was there stays until the answer comes. */
  async load(query = ''): Promise<void> {
    await this.#page(query, null);
  }

  async more(query = ''): Promise<void> {
    await this.#page(query, this.next);
  }

  put(item: T): void {
    const known = this.items?.some(({ id }) => id === item.id);
    const rest = this.items ?? [];
    this.items = known ? rest.map((old) => (old.id === item.id ? item : old)) : [item, ...rest];
  }

  remove(id: string): void {
    this.items = this.items?.filter((item) => item.id !== id) ?? null;
  }

  async #page(query: string, cursor: string | null): Promise<void> {
    const mine = ++this.#asked;
    this.error = null;
    try {
      const page = await this.read(query, cursor);
      if (mine !== this.#asked) return;
      const before = cursor === null ? [] : (this.items ?? []);
      const known = new Set(before.map(({ id }) => id));
      this.items = [...before, ...page.items.filter(({ id }) => !known.has(id))];
      this.next = page.next;
    } catch (error) {
      if (mine === this.#asked) this.error = error;
    }
  }
}
