// Deeds that wait a moment before they are done, so that they can be taken back.

interface Pending {
  commit: (leaving: boolean) => unknown;
  timer: ReturnType<typeof setTimeout>;
}

export class UndoQueue {
  #pending = new Map<number, Pending>();
  #last = 0;

  constructor(readonly delay = 10_000) {}

  /** Does the deed after the delay; the number takes it back with `undo`. */
  schedule(commit: (leaving: boolean) => unknown): number {
    const id = ++this.#last;
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      commit(false);
    }, this.delay);
    this.#pending.set(id, { commit, timer });
    return id;
  }

  /** Takes it back; false when it is done already. */
  undo(id: number): boolean {
    const found = this.#pending.get(id);
    if (!found) return false;
    clearTimeout(found.timer);
    return this.#pending.delete(id);
  }

  /** The page or the session is going away: whatever waits is done now. The promise is kept when all is done. */
  async flush(): Promise<void> {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { timer } of waiting) clearTimeout(timer);
    await Promise.all(waiting.map(({ commit }) => commit(true)));
  }
}
