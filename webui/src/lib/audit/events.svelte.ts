// The catalogue of events, read once: it changes only with the appliance's version.
import { listEvents } from '../api/audit';
import type { AuditEvent } from '../api/audit-types';
import { Resource } from '../state/resource.svelte';

export const events = new Resource<AuditEvent[]>(listEvents);

export function needEvents(): void {
  if (events.value === null) void events.load();
}

/** What an event means, in sentences; empty while that is not known, or for an event of another version. */
export function meaning(act: string): string {
  return events.value?.find((event) => event.act === act)?.meaning ?? '';
}

/** A meaning cut at its backquotes: names of fields are every other piece. */
export function pieces(meaning: string): { text: string; name: boolean }[] {
  return meaning
    .split('`')
    .map((text, index) => ({ text, name: index % 2 === 1 }))
    .filter(({ text }) => text !== '');
}
