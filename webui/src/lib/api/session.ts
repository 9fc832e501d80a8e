// Calls about who is signed in.
import { json, send } from './http';
import type { Appliance, Me, NextStep, Page, SessionInfo, SignedIn } from './types';

export function showAppliance(): Promise<Appliance> {
  return json('/api/v1/appliance');
}

export function showMe(): Promise<Me> {
  return json('/api/v1/me');
}

export function signIn(username: string, password: string): Promise<NextStep> {
  return json('/api/v1/session', { method: 'POST', body: { username, password } });
}

export function confirmCode(code: string): Promise<SignedIn> {
  return json('/api/v1/session/totp', { method: 'POST', body: { code } });
}

export function confirmRecoveryCode(code: string): Promise<SignedIn> {
  return json('/api/v1/session/totp', { method: 'POST', body: { recovery_code: code } });
}

export async function signOut(): Promise<void> {
  await send('/api/v1/session', { method: 'DELETE' });
}

export async function listSessions(): Promise<SessionInfo[]> {
  return (await json<Page<SessionInfo>>('/api/v1/sessions')).items;
}

export async function endSession(id: string): Promise<void> {
  await send(`/api/v1/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
