// The auditor's view of the log.
import { json } from './http';
import type { RecordPage } from './types';

export interface AuditFilter {
  from: string;
  to: string;
  actor: string;
  act: string;
  outcome: string;
}

export function listRecords(filter: AuditFilter, cursor: string | null): Promise<RecordPage> {
  const query = new URLSearchParams({ limit: '50' });
  for (const [key, value] of Object.entries(filter)) if (value) query.set(key, value);
  if (cursor !== null) query.set('cursor', cursor);
  return json(`/api/v1/audit/records?${query}`);
}
