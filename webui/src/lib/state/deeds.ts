// Deeds that can be taken back for ten seconds, and those that cannot; both say how they went.
import { explain } from '../ui/errors';
import { toasts } from './toasts.svelte';
import { UndoQueue } from './undo';

export const UNDO_MS = 10_000;

export const deeds = new UndoQueue(UNDO_MS);

export interface Later {
  /** Said at once: "The key “build” was revoked." */
  said: string;
  /** Does it; `leaving` when the page goes away. */
  commit: (leaving: boolean) => Promise<unknown>;
  /** Shows again what was taken out of sight: it was taken back, or it failed. */
  restore: () => void;
}

/** Does something when the time for taking it back is over. */
export function later({ said, commit, restore }: Later): void {
  const id = deeds.schedule(async (leaving) => {
    try {
      await commit(leaving);
    } catch (error) {
      restore();
      toasts.show(`That did not happen. ${sentence(error)}`);
    }
  });
  const undo = () => {
    if (deeds.undo(id)) restore();
  };
  toasts.show(said, { action: { label: 'Undo', run: undo }, for: UNDO_MS });
}

/**
 * Does something now; says why if it fails. `said` may depend on how it went; `undo` is the deed that reverses it.
 */
export async function attempt(
  deed: () => Promise<unknown>,
  said: string | (() => string),
  undo?: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await deed();
  } catch (error) {
    toasts.show(`That did not happen. ${sentence(error)}`);
    return false;
  }
  const words = typeof said === 'string' ? said : said();
  if (undo) toasts.show(words, { action: { label: 'Undo', run: () => void undo() }, for: UNDO_MS });
  else toasts.show(words);
  return true;
}

function sentence(error: unknown): string {
  const { what, todo } = explain(error);
  return `${what} ${todo}`.trim();
}
