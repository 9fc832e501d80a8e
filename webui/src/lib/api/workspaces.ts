// Calls by which admins look after workspaces.
import type { AdminWorkspace, Expiry } from './admin-types';
import { json, send } from './http';
import { allOf } from './paging';
import type { Marking } from './types';

const FOLDER = '/api/v1/admin/workspaces';
const at = (id: string) => `${FOLDER}/${encodeURIComponent(id)}`;

export function listWorkspaces(): Promise<AdminWorkspace[]> {
  return allOf(FOLDER);
}

export function findWorkspace(id: string): Promise<AdminWorkspace> {
  return json(at(id));
}

export function createWorkspace(name: string): Promise<AdminWorkspace> {
  return json(FOLDER, { method: 'POST', body: { name } });
}

/** What is given is set as a whole; groups and people by their ids. */
export interface WorkspaceChange {
  name?: string;
  marking?: Marking | null;
  system_prompt?: string;
  models?: string[];
  groups?: string[];
  people?: string[];
  /** Null: chats are kept for ever. */
  retention_days?: number | null;
  retention_action?: Expiry;
}

export function updateWorkspace(id: string, change: WorkspaceChange): Promise<AdminWorkspace> {
  return json(at(id), { method: 'PATCH', body: change });
}

export async function deleteWorkspace(id: string): Promise<void> {
  await send(at(id), { method: 'DELETE' });
}
