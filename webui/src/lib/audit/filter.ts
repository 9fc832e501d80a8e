// What the list of records is narrowed by. It lives in the page's address, so that it can be kept, sent and gone back to.

export interface AuditFilter {
  /** RFC 3339, in UTC. */
  from: string;
  to: string;
  actor: string;
  act: string;
  object: string;
  outcome: string;
}

export const ANY: AuditFilter = { from: '', to: '', actor: '', act: '', object: '', outcome: '' };
const NAMES = Object.keys(ANY) as (keyof AuditFilter)[];

export function isEmpty(filter: AuditFilter): boolean {
  return NAMES.every((name) => filter[name] === '');
}

/** The filter and the place in the list that an address names, as the appliance is asked for them. */
export function asked(search: string): Record<string, string> {
  const query = new URLSearchParams(search);
  const found: Record<string, string> = {};
  for (const name of [...NAMES, 'cursor']) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

export function filterOf(search: string): AuditFilter {
  const found = asked(search);
  delete found.cursor;
  return { ...ANY, ...found };
}

/** The address of the records that pass; `cursor` for those after a page. */
export function address(filter: Partial<AuditFilter>, cursor: string | null = null): string {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filter[name]) query.set(name, filter[name]);
  if (cursor !== null) query.set('cursor', cursor);
  return query.size > 0 ? `/audit/records?${query}` : '/audit/records';
}

/** A date and time of a field, in this computer's zone, as RFC 3339 in UTC; an empty field stays empty. */
export function instant(local: string): string {
  return local ? new Date(local).toISOString() : '';
}

/** The same the other way round; empty for what is no time, such as a record's number. */
export function local(instant: string): string {
  const time = new Date(instant);
  if (!/^\d{4}-/.test(instant) || Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
