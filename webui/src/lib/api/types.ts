// The shapes that travel between the page and the appliance.
// Once openapi.json exists these become re-exports of the generated schema (`npm run api`).

export type Role = 'analyst' | 'admin' | 'auditor';

export interface User {
  id: string;
  username: string;
  role: Role;
}

export interface Marking {
  text: string;
  background: string;
  color: string;
}

export interface Appliance {
  name: string;
  version: string;
  /** RFC 3339, the appliance's clock. */
  time: string;
  marking: Marking | null;
  /** What a person must accept before signing in. */
  notice: string | null;
}

/** A square QR code: dark modules as one SVG path in a `size` × `size` view box, quiet zone included. */
export interface Qr {
  size: number;
  path: string;
}

export interface Enrolment {
  next: 'enrol';
  secret: string;
  otpauth: string;
  qr: Qr;
}

export type NextStep = { next: 'totp' } | Enrolment;

export interface SignedIn {
  user: User;
  /** Only at enrolment, and never again. */
  recovery_codes?: string[];
}

export interface SessionInfo {
  id: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  address: string;
  agent: string;
  current: boolean;
}

export interface Me {
  user: User;
  session: SessionInfo;
  recovery_codes_left: number;
}

export interface Model {
  id: string;
  title: string;
  context: number;
  architecture: string | null;
  parameters: number | null;
  quantization: string | null;
  /** Whether its engine is running. */
  available: boolean;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

export type MessageStatus = 'streaming' | 'done' | 'stopped' | 'failed';

export interface Message {
  id: string;
  parent: string | null;
  role: 'user' | 'assistant';
  content: string;
  status: MessageStatus;
  model?: string | null;
  created_at: string;
  finish_reason?: string | null;
  usage?: Usage | null;
  dropped_turns?: number | null;
  elapsed_ms?: number | null;
}

export interface ChatSummary {
  id: string;
  title: string;
  model: string;
  head: string | null;
  created_at: string;
  updated_at: string;
}

export interface Chat extends ChatSummary {
  messages: Message[];
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface SearchHit {
  chat: ChatSummary;
  message: string | null;
  snippet: { text: string; match: boolean }[];
}

/** A record of the audit log as it was sealed. */
export interface AuditRecord {
  time: string;
  cat: string;
  act: string;
  outcome: 'ok' | 'deny' | 'error';
  reason?: string;
  actor?: { uid?: string; name?: string; roles?: string[] };
  src?: { ip?: string; port?: number };
  obj?: { type?: string; id?: string; owner?: string };
}

export interface SealedRecord {
  seq: number;
  record: AuditRecord;
  /** Hash of the record as a leaf of the log's tree, hex. */
  leaf: string;
}

/** The newest records first, with the tree over the whole log. */
export interface RecordPage {
  items: SealedRecord[];
  next: number | null;
  size: number;
  root: string;
}

/** RFC 9457, with the appliance's stable code. */
export interface Problem {
  status: number;
  code: string;
  title: string;
  request_id?: string;
  field?: string | null;
  /** Seconds. */
  retry_after?: number | null;
}

export type AnswerEvent =
  | {
      event: 'start';
      data: { question: string; answer: string; dropped_turns?: number | null; title?: string | null };
    }
  | { event: 'queue'; data: { position: number } }
  | { event: 'token'; data: { text: string } }
  | { event: 'error'; data: { problem: Problem } }
  | {
      event: 'end';
      data: {
        status: MessageStatus;
        finish_reason: string | null;
        usage: Usage | null;
        elapsed_ms?: number | null;
      };
    };
