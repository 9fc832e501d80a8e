// Calls about what is one's own: keys, prompts, usage, recovery codes.
import { json, send } from './http';
import type { ApiKey, DayUsage, Page, Prompt, Scope } from './types';

const at = (folder: string, id: string) => `/api/v1/${folder}/${encodeURIComponent(id)}`;

export async function listKeys(): Promise<ApiKey[]> {
  return (await json<Page<ApiKey>>('/api/v1/keys')).items;
}

export interface NewKey {
  name: string;
  scopes: Scope[];
  expires_in_days: number;
}

/** The secret is told this one time. */
export function createKey(key: NewKey): Promise<{ key: ApiKey; secret: string }> {
  return json('/api/v1/keys', { method: 'POST', body: key });
}

export async function revokeKey(id: string, keepalive = false): Promise<void> {
  await send(at('keys', id), { method: 'DELETE', keepalive });
}

export async function listPrompts(): Promise<Prompt[]> {
  return (await json<Page<Prompt>>('/api/v1/prompts')).items;
}

export type PromptText = Pick<Prompt, 'name' | 'content'>;

export function createPrompt(prompt: PromptText): Promise<Prompt> {
  return json('/api/v1/prompts', { method: 'POST', body: prompt });
}

export async function updatePrompt(id: string, prompt: PromptText): Promise<void> {
  await send(at('prompts', id), { method: 'PATCH', body: prompt });
}

export async function deletePrompt(id: string, keepalive = false): Promise<void> {
  await send(at('prompts', id), { method: 'DELETE', keepalive });
}

export async function ownUsage(days: number): Promise<DayUsage[]> {
  return (await json<Page<DayUsage>>(`/api/v1/usage?days=${days}`)).items;
}

/** Ten new codes; the old ones are void. */
export async function renewRecoveryCodes(): Promise<string[]> {
  const path = '/api/v1/me/recovery-codes';
  return (await json<{ recovery_codes: string[] }>(path, { method: 'POST' })).recovery_codes;
}
