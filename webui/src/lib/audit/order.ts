// What an auditor chose on the form of an export, as the appliance is asked for it.
import type { ExportOrder } from '../api/audit';
import { instant } from './filter';

export type Range = 'since' | 'all' | 'numbers' | 'times';

export interface Choice {
  range: Range;
  /** Numbers of records, or dates and times of this computer's zone; empty for no bound. */
  from: string;
  to: string;
  nonce: string;
  /** How many records the checkpoint covers that the auditor keeps. */
  kept: string;
}

const NONCE_BYTES = 16;
const MOST_NONCE = 128;

/** What is wrong with the choice; empty if it can be sent. */
export function fault({ range, from, to, nonce, kept }: Choice): string {
  const numbers = range === 'numbers' ? [from, to] : [];
  if ([...numbers, kept].some((text) => !/^\d{0,15}$/.test(text.trim())))
    return 'Give whole numbers of records.';
  if (range === 'numbers' && from && to && Number(from) > Number(to))
    return 'The range ends before it begins.';
  if (range === 'times' && from && to && from > to) return 'The range ends before it begins.';
  if (!/^[0-9a-f]*$/i.test(nonce.trim()) || nonce.trim().length > MOST_NONCE) {
    return `A nonce is at most ${MOST_NONCE} hexadecimal digits.`;
  }
  return '';
}

/** `since`: the first record after the auditor's last export, if there was one. */
export function orderOf({ range, from, to, nonce, kept }: Choice, since: number | null): ExportOrder {
  const bounds: Record<Range, [string, string]> = {
    since: [since === null ? '' : String(since), ''],
    all: ['', ''],
    numbers: [from.trim(), to.trim()],
    times: [instant(from), instant(to)],
  };
  const [first, last] = bounds[range];
  return {
    ...(first ? { from: first } : {}),
    ...(last ? { to: last } : {}),
    ...(nonce.trim() ? { nonce: nonce.trim().toLowerCase() } : {}),
    ...(kept.trim() ? { extends: [Number(kept)] } : {}),
  };
}

/** A number that nobody could foresee: it shows that a bundle was made after it. */
export function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
