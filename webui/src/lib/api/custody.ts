// What is kept and what goes: an admin's retention, archives and requests to purge; an auditor's holds and decisions.
import type { Archive, RetentionOutcome, RetentionOutlook } from './admin-types';
import { json, send } from './http';
import { pageOf } from './paging';
import type { Hold, NewHold, Page, Purge, PurgeCase } from './types';

const ADMIN = '/api/v1/admin';
const AUDIT = '/api/v1/audit';

export async function previewRetention(): Promise<RetentionOutlook[]> {
  return (await json<{ items: RetentionOutlook[] }>(`${ADMIN}/retention/preview`)).items;
}

export async function runRetention(): Promise<RetentionOutcome[]> {
  const path = `${ADMIN}/retention/run`;
  return (await json<{ items: RetentionOutcome[] }>(path, { method: 'POST' })).items;
}

export function listArchives(cursor: string | null): Promise<Page<Archive>> {
  return pageOf(`${ADMIN}/archives`, { cursor });
}

export async function restoreArchive(id: string): Promise<void> {
  await send(`${ADMIN}/archives/${encodeURIComponent(id)}/restore`, { method: 'POST' });
}

export function listPurges(cursor: string | null): Promise<Page<Purge>> {
  return pageOf(`${ADMIN}/purges`, { cursor });
}

export function askPurge(chat: string, reason: string): Promise<Purge> {
  return json(`${ADMIN}/purges`, { method: 'POST', body: { chat, reason } });
}

export function listHolds(cursor: string | null): Promise<Page<Hold>> {
  return pageOf(`${AUDIT}/holds`, { cursor });
}

export function placeHold(hold: NewHold): Promise<Hold> {
  return json(`${AUDIT}/holds`, { method: 'POST', body: hold });
}

export async function liftHold(id: string): Promise<void> {
  await send(`${AUDIT}/holds/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** The id of a case is that of its purge. */
export type Case = PurgeCase & { id: string };

const caseOf = (found: PurgeCase): Case => ({ ...found, id: found.purge.id });

export async function listCases(cursor: string | null): Promise<Page<Case>> {
  const { items, next } = await pageOf<PurgeCase>(`${AUDIT}/purges`, { cursor });
  return { items: items.map(caseOf), next };
}

export async function decidePurge(id: string, approve: boolean): Promise<Case> {
  const path = `${AUDIT}/purges/${encodeURIComponent(id)}/approval`;
  return caseOf(await json<PurgeCase>(path, { method: 'POST', body: { approve } }));
}

export async function fetchStatement(id: string): Promise<Blob> {
  const path = `${AUDIT}/purges/${encodeURIComponent(id)}/statement`;
  return (await send(path, { accept: 'text/plain' })).blob();
}
