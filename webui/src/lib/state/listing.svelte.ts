// A list that comes a page at a time and may be narrowed by words.
import type { Page } from '../api/types';
import type { Loadable } from './resource.svelte';

export class Listing<T extends { id: string }> implements Loadable<T[]> {
  value = $state.raw<T[] | null>(null);
  error = $state.raw<unknown>(null);
  next = $state<string | null>(null);
  /** The words that narrow it. */
  query = $state('');
  #asked = 0;

  constructor(readonly read: (query: string, cursor: string | null) => Promise<Page<T>>) {}

  /** From the beginning. What was there stays until the answer comes. */
  async load(): Promise<void> {
    await this.#page(null);
  }

  async search(query: string): Promise<void> {
    this.query = query;
    await this.load();
  }

  async more(): Promise<void> {
    await this.#page(this.next);
  }

  put(item: T): void {
    const known = this.value?.some(({ id }) => id === item.id);
    const rest = this.value ?? [];
    this.value = known ? rest.map((old) => (old.id === item.id ? item : old)) : [item, ...rest];
  }

  remove(id: string): void {
    this.value = this.value?.filter((item) => item.id !== id) ?? null;
  }

  async #page(cursor: string | null): Promise<void> {
    const mine = ++this.#asked;
    this.error = null;
    try {
      const page = await this.read(this.query, cursor);
      if (mine !== this.#asked) return;
      const before = cursor === null ? [] : (this.value ?? []);
      const known = new Set(before.map(({ id }) => id));
      this.value = [...before, ...page.items.filter(({ id }) => !known.has(id))];
      this.next = page.next;
    } catch (error) {
      if (mine === this.#asked) this.error = error;
    }
  }
}
