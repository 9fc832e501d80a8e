// What somebody is told whose answer waits for its turn.
import type { QueuePlace } from '../api/types';

/** The place in the queue and about how long it takes, as a sentence. */
export function waiting({ position, wait_s: seconds }: QueuePlace): string {
  const place = position > 1 ? `Waiting, ${position - 1} before you` : 'Waiting, you are next';
  if (seconds < 60) return `${place}: about ${seconds} s.`;
  return `${place}: about ${Math.round(seconds / 60)} min.`;
}
