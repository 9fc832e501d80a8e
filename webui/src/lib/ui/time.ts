// Times as people read them; the exact one, with its zone, is always a hover away.

import { now } from '../state/clock';

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}

export type Period = 'Today' | 'Yesterday' | 'Earlier';

/** By calendar days of this computer's zone. */
export function period(iso: string, today = now()): Period {
  const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate());
  const time = new Date(iso);
  if (time >= midnight) return 'Today';
  const before = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  return time >= before ? 'Yesterday' : 'Earlier';
}

export function shortTime(iso: string, today = now()): string {
  const time = new Date(iso);
  // An end that lies ahead needs its day as well.
  const tomorrow = new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1);
  if (time >= tomorrow) return `${day.format(time)}, ${clock.format(time)}`;
  switch (period(iso, today)) {
    case 'Today':
      return clock.format(time);
    case 'Yesterday':
      return `Yesterday ${clock.format(time)}`;
    default:
      return day.format(time);
  }
}
