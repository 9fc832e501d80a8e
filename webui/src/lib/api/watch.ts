// Calls by which admins see how the appliance is doing.
import type { Alert, AnySession, Sealing, SystemStatus, UsageBy, UsageRow } from './admin-types';
import { json, send } from './http';
import { pageOf } from './paging';
import type { Page } from './types';

const SESSIONS = '/api/v1/admin/sessions';

export async function listUsage(by: UsageBy, days: number): Promise<UsageRow[]> {
  return (await json<Page<UsageRow>>(`/api/v1/admin/usage?days=${days}&by=${by}`)).items;
}

export function listAlerts(cursor: string | null = null): Promise<Page<Alert>> {
  return pageOf('/api/v1/admin/alerts', { cursor });
}

export async function acknowledgeAlert(id: string): Promise<void> {
  await send(`/api/v1/admin/alerts/${encodeURIComponent(id)}/acknowledge`, { method: 'POST' });
}

export function listAllSessions(cursor: string | null): Promise<Page<AnySession>> {
  return pageOf(SESSIONS, { cursor });
}

export async function endAnySession(id: string): Promise<void> {
  await send(`${SESSIONS}/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export function showSystem(): Promise<SystemStatus> {
  return json('/api/v1/admin/system');
}

export function showSealing(): Promise<Sealing> {
  return json('/api/v1/admin/audit');
}
