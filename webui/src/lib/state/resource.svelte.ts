// Something read from the appliance, with the states that every page of it has: loading, there, failed.

/** What a page can show while it is read: a Resource, or a Listing, which also goes on. */
export interface Loadable<T> {
  /** Null until it is there. */
  readonly value: T | null;
  readonly error: unknown;
  load(): Promise<void>;
  /** Where the next page begins; null at the end. */
  readonly next?: string | null;
  more?(): Promise<void>;
}

export class Resource<T> implements Loadable<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<unknown>(null);
  #asked = 0;

  constructor(readonly read: () => Promise<T>) {}

  /** Reads it (again). What was there stays until the answer comes; a later call wins over an earlier one. */
  async load(): Promise<void> {
    const mine = ++this.#asked;
    this.error = null;
    try {
      const value = await this.read();
      if (mine === this.#asked) this.value = value;
    } catch (error) {
      if (mine === this.#asked) this.error = error;
    }
  }
}
