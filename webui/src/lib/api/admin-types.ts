// The shapes of the administration.
import type { Marking, Permission, Quotas, Role, SessionInfo } from './types';

export interface Named {
  id: string;
  name: string;
}

export type PersonState = 'active' | 'disabled' | 'locked' | 'refused_by_directory';
/** Where something comes from: an admin, or the directory. */
export type Source = 'assigned' | 'directory';

export interface Person {
  id: string;
  username: string;
  display_name: string;
  role: Role;
  role_source: Source;
  source: 'local' | 'directory';
  state: PersonState;
  /** Why the directory says no. */
  directory_state: string | null;
  enrolled: boolean;
  groups: (Named & { source: Source })[];
  last_seen_at: string | null;
  locked_until: string | null;
  sessions: number;
  created_at: string;
}

/** Where each right of a person comes from, in sentences. */
export interface Explanation {
  role: { value: Role; because: string };
  groups: { name: string; because: string }[];
  workspaces: { name: string; because: string }[];
  models: { id: string; workspace: string; because: string }[];
  permissions: { name: Permission; allowed: boolean; because: string }[];
  quotas: { name: string; value: number | null; because: string }[];
}

export type Effect = 'allow' | 'deny';

export interface GroupQuotas extends Quotas {
  /** Place in the queue: higher comes first. */
  priority: number | null;
}

export interface Group extends Named {
  built_in: boolean;
  members: number;
  permissions: Partial<Record<Permission, Effect>>;
  models: string[];
  quotas: GroupQuotas;
  mappings: string[];
}

export interface Member {
  id: string;
  username: string;
  display_name?: string;
  /** `role`: in the group of everyone. */
  source?: Source | 'role';
}

export interface AdminModel {
  id: string;
  title: string;
  sha256: string;
  /** Bytes. */
  size: number;
  kind: 'chat' | 'embedding';
  available: boolean;
  groups: Named[];
}

export interface AdminWorkspace extends Named {
  built_in: boolean;
  marking: Marking | null;
  system_prompt: string;
  /** None: every granted model may be used. */
  models: string[];
  groups: Named[];
  people: { id: string; username: string }[];
  chats: number;
}

export interface Mapping {
  id: string;
  directory_group: string;
  role?: Role;
  /** The id is empty where the configuration names a group that there is not. */
  group?: Named;
  /** From the configuration file, and changed there only. */
  configured: boolean;
}

export interface DryRun {
  /** The name is empty where the directory does not answer. */
  person?: { dn: string; groups: string[] };
  role?: Role;
  groups: string[];
  changes: { username: string; from: string; to: string }[];
}

export interface DirectoryStatus {
  configured: boolean;
  servers: string[];
  method: 'search' | 'direct';
  base: string;
  last_answer_at: string | null;
  state: 'well' | 'away' | 'off';
}

export interface DirectoryReport {
  ok: boolean;
  steps: {
    name: 'address' | 'connect' | 'tls' | 'bind' | 'search' | 'groups';
    ok: boolean;
    found: string;
    advice: string | null;
    elapsed_ms: number;
  }[];
}

export type UsageBy = 'person' | 'model' | 'workspace';

export interface UsageRow {
  key: string;
  name: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  refusals: number;
}

export interface Alert {
  id: string;
  rule: 'failed_sign_ins' | 'refusals' | 'quota';
  raised_at: string;
  count: number;
  threshold: number;
  window_seconds: number;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
}

export interface AnySession extends SessionInfo {
  person: { id: string; username: string };
}

export interface SystemStatus {
  version: string;
  uptime_seconds: number;
  /** How far the processes are locked in. */
  lockdown: string;
  models: { id: string; title: string; available: boolean }[];
  /** The appliance's time. */
  clock: string;
}
