// Usage by days: every day of the span has a figure, also those on which nothing was used.
import type { DayUsage } from '../api/types';

export interface Day {
  /** UTC, as 2026-11-23. */
  day: string;
  requests: number;
  tokens: number;
}

const DAY_MS = 86_400_000;

export function byDay(rows: DayUsage[], days: number, today: Date): Day[] {
  const found = new Map<string, Day>();
  for (let back = days - 1; back >= 0; back--) {
    const day = new Date(today.getTime() - back * DAY_MS).toISOString().slice(0, 10);
    found.set(day, { day, requests: 0, tokens: 0 });
  }
  for (const row of rows) {
    const known = found.get(row.day.slice(0, 10));
    if (!known) continue;
    known.requests += row.requests;
    known.tokens += row.prompt_tokens + row.completion_tokens;
  }
  return [...found.values()];
}
