// The auditors' calls.
import type {
  AuditEvent,
  AuditExport,
  Checkpoint,
  CheckpointToKeep,
  RecordPage,
  WholeRecord,
} from './audit-types';
import { json, send } from './http';
import { pageOf } from './paging';
import type { Page } from './types';

const RECORDS = '/api/v1/audit/records';
const CHECKPOINTS = '/api/v1/audit/checkpoints';
const EXPORTS = '/api/v1/audit/exports';

export function listRecords(asked: Record<string, string>): Promise<RecordPage> {
  return json(`${RECORDS}?${new URLSearchParams({ limit: '50', ...asked })}`);
}

export function findRecord(seq: string): Promise<WholeRecord> {
  return json(`${RECORDS}/${encodeURIComponent(seq)}`);
}

export async function listEvents(): Promise<AuditEvent[]> {
  return (await json<{ items: AuditEvent[] }>('/api/v1/audit/events')).items;
}

export function listCheckpoints(cursor: string | null): Promise<Page<Checkpoint>> {
  return pageOf(CHECKPOINTS, { cursor });
}

export function findCheckpoint(size: string): Promise<CheckpointToKeep> {
  return json(`${CHECKPOINTS}/${encodeURIComponent(size)}`);
}

export function listExports(cursor: string | null): Promise<Page<AuditExport>> {
  return pageOf(EXPORTS, { cursor });
}

/** What somebody wants to take away; what is left out does not bound. */
export interface ExportOrder {
  /** A record's number or an RFC 3339 time, included. */
  from?: string;
  to?: string;
  /** Hex. */
  nonce?: string;
  /** Sizes of checkpoints that the auditor keeps. */
  extends?: number[];
}

export async function makeExport(order: ExportOrder): Promise<{ name: string; file: Blob }> {
  const response = await send(EXPORTS, { method: 'POST', body: order, accept: 'application/x-tar' });
  const [, name = 'audit-export.tar'] =
    /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '') ?? [];
  return { name, file: await response.blob() };
}
