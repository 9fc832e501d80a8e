// The auditor's view of the log.
import { json } from './http';
import type { AuditRecord, Page } from './types';

export interface AuditFilter {
  from: string;
  to: string;
  actor: string;
  act: string;
  outcome: string;
}

export function listRecords(filter: AuditFilter, cursor: string | null): Promise<Page<AuditRecord>> {
  const query = new URLSearchParams({ limit: '50' });
  for (const [key, value] of Object.entries(filter)) if (value) query.set(key, value);
  if (cursor) query.set('cursor', cursor);
  return json(`/api/v1/audit/records?${query}`);
}
