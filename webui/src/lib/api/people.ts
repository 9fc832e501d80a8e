// Calls by which admins look after people.
import type { Explanation, Person } from './admin-types';
import { json, send } from './http';
import { pageOf } from './paging';
import type { ApiKey, Page, Role, SessionInfo } from './types';

const FOLDER = '/api/v1/admin/people';
const at = (id: string, part = '') => `${FOLDER}/${encodeURIComponent(id)}${part}`;

export function listPeople(query: string, cursor: string | null): Promise<Page<Person>> {
  return pageOf(FOLDER, { query, cursor });
}

export function findPerson(id: string): Promise<Person> {
  return json(at(id));
}

export interface NewPerson {
  username: string;
  role: Role;
  display_name?: string;
}

/** The first password is told this one time. */
export function createPerson(person: NewPerson): Promise<{ person: Person; password: string }> {
  return json(FOLDER, { method: 'POST', body: person });
}

export function updatePerson(
  id: string,
  change: { role?: Role; disabled?: boolean; display_name?: string },
): Promise<Person> {
  return json(at(id), { method: 'PATCH', body: change });
}

/** The person enrols an authenticator anew; their sessions end. */
export async function resetTotp(id: string): Promise<void> {
  await send(at(id, '/totp-reset'), { method: 'POST' });
}

export async function unlockPerson(id: string): Promise<void> {
  await send(at(id, '/unlock'), { method: 'POST' });
}

/** The new password is told this one time. */
export async function renewPassword(id: string): Promise<string> {
  return (await json<{ password: string }>(at(id, '/password'), { method: 'POST' })).password;
}

export async function listSessionsOf(id: string): Promise<SessionInfo[]> {
  return (await json<Page<SessionInfo>>(at(id, '/sessions'))).items;
}

export async function endSessionsOf(id: string): Promise<void> {
  await send(at(id, '/sessions'), { method: 'DELETE' });
}

export async function listKeysOf(id: string): Promise<ApiKey[]> {
  return (await json<Page<ApiKey>>(at(id, '/keys'))).items;
}

export async function revokeKeyOf(id: string, key: string): Promise<void> {
  await send(at(id, `/keys/${encodeURIComponent(key)}`), { method: 'DELETE' });
}

export function explainPerson(id: string): Promise<Explanation> {
  return json(at(id, '/explain'));
}
