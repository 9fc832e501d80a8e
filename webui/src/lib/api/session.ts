// Calls about who is signed in.
import { ApiError, json, send } from './http';
import type { Appliance, Me, NextStep, Page, SessionInfo, SignedIn } from './types';

export function showAppliance(): Promise<Appliance> {
  return json('/api/v1/appliance');
}

export function showMe(): Promise<Me> {
  return json('/api/v1/me');
}

/** `notice` is the SHA-256 of the notice that was accepted. */
export function signIn(username: string, password: string, notice: string | null): Promise<NextStep> {
  return json('/api/v1/session', { method: 'POST', body: { username, password, ...accepted(notice) } });
}

/** With the client certificate that the browser has shown. */
export function signInByCertificate(notice: string | null): Promise<NextStep> {
  return showingCertificate(() =>
    json('/api/v1/session/certificate', { method: 'POST', body: accepted(notice) }),
  );
}

/** As many connections as a browser keeps open to one host. */
const CONNECTIONS = 6;

/**
 * The appliance wants the certificate shown a moment ago, and ends a connection on which that is longer ago. The browser
 * shows it again on a new one; until then it may still have some old ones to try.
 */
async function showingCertificate<T>(call: () => Promise<T>): Promise<T> {
  for (let old = 0; ; old += 1) {
    try {
      return await call();
    } catch (error) {
      const stale = error instanceof ApiError && error.code === 'certificate_stale';
      if (!stale || old === CONNECTIONS) throw error;
    }
  }
}

function accepted(notice: string | null): { notice_sha256?: string } {
  return notice === null ? {} : { notice_sha256: notice };
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

/** Password and code once more, for what asks for them; the certificate in place of the password where it came first. */
export async function prove(code: string, password?: string): Promise<void> {
  const body = password === undefined ? { code } : { password, code };
  await showingCertificate(() => send('/api/v1/session/proof', { method: 'POST', body }));
}

export async function lock(): Promise<void> {
  await send('/api/v1/session/lock', { method: 'POST' });
}

export async function unlock(by: { password: string } | { code: string }): Promise<void> {
  await send('/api/v1/session/unlock', { method: 'POST', body: by });
}

export async function chooseWorkspace(workspace: string): Promise<void> {
  await send('/api/v1/session/workspace', { method: 'POST', body: { workspace } });
}

export async function listSessions(): Promise<SessionInfo[]> {
  return (await json<Page<SessionInfo>>('/api/v1/sessions')).items;
}

export async function endSession(id: string): Promise<void> {
  await send(`/api/v1/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
