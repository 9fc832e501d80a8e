// Times as people read them; the exact one, with its zone, is always a hover away.

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}

export type Period = 'Today' | 'Yesterday' | 'Earlier';

/** By calendar days of this computer's zone. */
export function period(iso: string, now = new Date()): Period {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const time = new Date(iso);
  if (time >= midnight) return 'Today';
  const before = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  return time >= before ? 'Yesterday' : 'Earlier';
}

export function shortTime(iso: string, now = new Date()): string {
  const time = new Date(iso);
  switch (period(iso, now)) {
    case 'Today':
      return clock.format(time);
    case 'Yesterday':
      return `Yesterday ${clock.format(time)}`;
    default:
      return day.format(time);
  }
}
