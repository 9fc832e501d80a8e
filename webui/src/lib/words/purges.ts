// How far a purge is, in words.
import type { Purge } from '../api/types';

const STATE: Record<Purge['state'], string> = {
  asked: 'Waits for an auditor',
  expired: 'Void: nobody decided it in time',
  refused: 'Refused',
  approved: 'Agreed to: the last traces are being erased',
  done: 'Done',
};

export function stateOf({ state, held }: Pick<Purge, 'state' | 'held'>): string {
  return state === 'asked' && held ? 'Kept for a legal reason' : STATE[state];
}
