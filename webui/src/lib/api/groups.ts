// Calls by which admins look after groups and the models that they may use.
import type { AdminModel, Effect, Group, GroupQuotas, Member } from './admin-types';
import { json, send } from './http';
import { allOf, pageOf } from './paging';
import type { Page, Permission } from './types';

const FOLDER = '/api/v1/admin/groups';
const at = (id: string) => `${FOLDER}/${encodeURIComponent(id)}`;
const memberAt = (group: string, person: string) => `${at(group)}/members/${encodeURIComponent(person)}`;

export function listGroups(): Promise<Group[]> {
  return allOf(FOLDER);
}

export function findGroup(id: string): Promise<Group> {
  return json(at(id));
}

export function createGroup(name: string): Promise<Group> {
  return json(FOLDER, { method: 'POST', body: { name } });
}

/** What is given is set as a whole. */
export interface GroupChange {
  name?: string;
  permissions?: Partial<Record<Permission, Effect>>;
  models?: string[];
  quotas?: GroupQuotas;
}

export function updateGroup(id: string, change: GroupChange): Promise<Group> {
  return json(at(id), { method: 'PATCH', body: change });
}

export async function deleteGroup(id: string): Promise<void> {
  await send(at(id), { method: 'DELETE' });
}

export function listMembers(id: string, cursor: string | null): Promise<Page<Member>> {
  return pageOf(`${at(id)}/members`, { cursor });
}

export async function addMember(group: string, person: string): Promise<void> {
  await send(memberAt(group, person), { method: 'PUT' });
}

export async function removeMember(group: string, person: string): Promise<void> {
  await send(memberAt(group, person), { method: 'DELETE' });
}

export function listAllModels(): Promise<AdminModel[]> {
  return allOf('/api/v1/admin/models');
}
