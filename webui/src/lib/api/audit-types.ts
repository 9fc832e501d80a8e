// The shapes of the auditors' pages, by the names that they use. They come from the API's description.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Outcome = 'ok' | 'deny' | 'error';

/** A record of the audit log as it was sealed: what the log's format names, of which much may be absent. */
export interface AuditRecord {
  seq: number;
  /** UTC, to the microsecond. */
  time: string;
  mono: number;
  boot: string;
  origin: string;
  sw: string;
  cat: string;
  act: string;
  outcome: Outcome;
  reason?: string;
  actor: { uid?: string; name?: string; roles?: string[]; sess?: string };
  src?: { ip: string; port: number; tls?: string; ua_sha?: string };
  obj?: { type: string; id: string; owner?: string };
  req?: string;
  model?: { id: string; sha256: string };
  d?: Record<string, string | number | boolean | string[]>;
}

export type SealedRecord = Omit<Schemas['RecordView'], 'record'> & { record: AuditRecord };

/** The newest records first, with the tree over the whole log. */
export type RecordPage = Omit<Schemas['RecordPage'], 'items'> & { items: SealedRecord[] };

/** One record with its exact line and its proof. */
export type WholeRecord = Omit<Schemas['WholeRecord'], 'record'> & { record: AuditRecord };

export type InclusionProof = Schemas['InclusionProof'];
/** What can be recorded, in words. */
export type AuditEvent = Schemas['AuditEvent'];
export type Checkpoint = Schemas['Checkpoint'];
export type CheckpointToKeep = Schemas['CheckpointToKeep'];
export type AuditExport = Schemas['AuditExport'];
