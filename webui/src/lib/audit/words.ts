// Parts of a record in words.
import type { AuditRecord, Outcome } from '../api/audit-types';

export const OUTCOMES: Record<Outcome, string> = {
  ok: 'It was done.',
  deny: 'It was refused.',
  error: 'It failed.',
};

/** UTC to the second, as the log keeps it: auditors compare it with other logs. */
export function utc(time: string): string {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, '');
}

/** By whom: a person, by name if known; or the appliance itself, or whoever is at its console. */
export function who({ actor }: AuditRecord): string {
  if (actor.name || actor.uid) return actor.name || actor.uid || '';
  if (actor.roles?.includes('system')) return 'the appliance';
  return actor.roles?.includes('console') ? 'the console' : 'nobody known';
}

/** A value of `d` as a text. */
export function valueText(value: string | number | boolean | string[]): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** The first and last letters of something too long to show. */
export function shortened(text: string): string {
  return text.length > 20 ? `${text.slice(0, 8)}…${text.slice(-8)}` : text;
}
