// Signing in and out, and finding back to where one was.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, watch } from '../src/lib/api/http';
import { listChats } from '../src/lib/api/chats';
import { router } from '../src/lib/state/router.svelte';
import { session } from '../src/lib/state/session.svelte';

const GENERAL = { id: 'general', name: 'General', marking: null };
const HARBOUR = {
  id: 'w2',
  name: 'Harbour',
  marking: { text: 'SECRET', background: '#c8102e', color: '#ffffff' },
};
const ME = {
  user: { id: 'u1', username: 'mara', display_name: '', role: 'analyst' },
  session: { id: 's1', expires_at: '2026-01-01T00:00:00Z', lock_seconds: 0 },
  recovery_codes_left: 9,
  permissions: ['export'],
  workspace: GENERAL,
  workspaces: [GENERAL],
};
const MARKING = { text: 'UNCLASSIFIED', background: '#007a33', color: '#ffffff' };
const APPLIANCE = { name: 'Redoubt', version: '0', time: '', marking: MARKING, notice: null };

let replies: Record<string, () => Response>;
const asked: string[] = [];
const left: string[] = [];

const json = (value: unknown) => () => new Response(JSON.stringify(value));
const problem = (status: number, code: string) => () =>
  new Response(JSON.stringify({ status, code, title: code }), { status });

beforeEach(() => {
  asked.length = 0;
  left.length = 0;
  vi.spyOn(location, 'assign').mockImplementation((to) => void left.push(String(to)));
  localStorage.clear();
  session.me = null;
  session.message = '';
  replies = {
    'GET /api/v1/appliance': json(APPLIANCE),
    'GET /api/v1/me': json(ME),
    'DELETE /api/v1/session': () => new Response(null, { status: 204 }),
  };
  watch({
    sessionEnded: (error) => session.ended(error),
    workspaceNeeded: () => session.workspaceNeeded(),
  });
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    const call = `${init.method} ${path}`;
    asked.push(call);
    return Promise.resolve((replies[call] ?? problem(404, 'not_found'))());
  });
});

test('a first visit asks for no session', async () => {
  router.go('/sign-in');
  await session.load();
  expect(asked).toEqual(['GET /api/v1/appliance']);
  expect(session.me).toBeNull();
});

test('a reload finds the session again', async () => {
  router.go('/chats/abc');
  await session.load();
  expect(session.me?.user.username).toBe('mara');
  router.go('/');
  session.me = null;
  await session.load();
  expect(session.me).not.toBeNull();
});

test('an expired session says so and leads back after signing in', async () => {
  router.go('/chats/abc#m1');
  await session.load();
  replies['GET /api/v1/chats?limit=50'] = problem(401, 'session_expired');
  // Several requests may fail for the same reason; the first one's words stay.
  const both = await Promise.allSettled([listChats(), listChats()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(session.me).toBeNull();
  expect(session.message).toContain('expired');
  expect(router.path).toBe('/sign-in');
  await session.begin();
  expect(router.path + router.hash).toBe('/chats/abc#m1');
  expect(session.message).toBe('');
});

test('a visitor who asks for a page gets it after signing in', async () => {
  router.go('/settings');
  replies['GET /api/v1/me'] = problem(401, 'not_signed_in');
  await session.load();
  session.askToSignIn();
  expect(session.message).toBe('');
  replies['GET /api/v1/me'] = json(ME);
  await session.begin();
  expect(router.path).toBe('/settings');
});

test('everybody has a home', async () => {
  router.go('/settings');
  for (const [role, home] of [
    ['analyst', '/chats'],
    ['admin', '/admin/people'],
    ['auditor', '/audit/records'],
  ]) {
    replies['GET /api/v1/me'] = json({ ...ME, user: { ...ME.user, role } });
    await session.load();
    expect(session.home).toBe(home);
  }
});

test('signing out does first what waits', async () => {
  const order: string[] = [];
  vi.mocked(location.assign).mockImplementation((to) => void order.push(String(to)));
  session.beforeSignOut = async () => void order.push('waiting deeds');
  await session.signOut();
  expect(order).toEqual(['waiting deeds', '/sign-in?signed-out']);
  expect(asked).toEqual(['DELETE /api/v1/session']);
});

describe('workspaces', () => {
  const inside = (workspace: object | null) => json({ ...ME, workspace, workspaces: [GENERAL, HARBOUR] });

  test('the marking is that of the workspace, else that of the appliance', async () => {
    await session.load();
    expect(session.marking?.text).toBe('UNCLASSIFIED');
    replies['GET /api/v1/me'] = inside(HARBOUR);
    await session.refresh();
    expect(session.marking?.text).toBe('SECRET');
  });

  test('who is in none has to choose; only analysts do', async () => {
    replies['GET /api/v1/me'] = inside(null);
    await session.refresh();
    expect(session.mustChooseWorkspace).toBe(true);
    replies['GET /api/v1/me'] = json({ ...ME, workspace: null, user: { ...ME.user, role: 'admin' } });
    await session.refresh();
    expect(session.mustChooseWorkspace).toBe(false);
  });

  test('switching does first what waits, and then starts from nothing', async () => {
    router.go('/chats');
    await session.load();
    session.beforeSignOut = async () => void asked.push('waiting deeds');
    replies['POST /api/v1/session/workspace'] = () => new Response(null, { status: 204 });
    asked.length = 0;
    await session.chooseWorkspace('w2');
    expect(asked).toEqual(['waiting deeds', 'POST /api/v1/session/workspace']);
    expect(left).toEqual(['/chats']);
  });

  test('signing in again into another workspace starts from nothing, too', async () => {
    router.go('/chats');
    await session.load();
    session.ended(new ApiError({ status: 401, code: 'session_expired', title: '' }));
    replies['GET /api/v1/me'] = inside(HARBOUR);
    await session.begin();
    expect(left).toEqual(['/chats']);
  });

  test('a membership that is lost leads to the choice, from nothing', async () => {
    router.go('/chats');
    await session.load();
    replies['GET /api/v1/chats?limit=50'] = problem(403, 'workspace_needed');
    await expect(listChats()).rejects.toMatchObject({ code: 'workspace_needed' });
    expect(left).toEqual(['/chats']);
  });
});

test('what is permitted is what the appliance says', async () => {
  await session.load();
  expect(session.may('export')).toBe(true);
  expect(session.may('api_keys')).toBe(false);
});
