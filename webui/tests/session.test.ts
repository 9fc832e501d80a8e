// Signing in and out, and finding back to where one was.
import { beforeEach, expect, test, vi } from 'vitest';
import { watch } from '../src/lib/api/http';
import { listChats } from '../src/lib/api/chats';
import { router } from '../src/lib/state/router.svelte';
import { session } from '../src/lib/state/session.svelte';

const ME = {
  user: { id: 'u1', username: 'mara', role: 'analyst' },
  session: { id: 's1', expires_at: '2026-01-01T00:00:00Z' },
  recovery_codes_left: 9,
};
const APPLIANCE = { name: 'Redoubt', version: '0', time: '', marking: null, notice: null };

let replies: Record<string, () => Response>;
const asked: string[] = [];

const json = (value: unknown) => () => new Response(JSON.stringify(value));
const problem = (status: number, code: string) => () =>
  new Response(JSON.stringify({ status, code, title: code }), { status });

beforeEach(() => {
  asked.length = 0;
  localStorage.clear();
  session.me = null;
  session.message = '';
  replies = {
    'GET /api/v1/appliance': json(APPLIANCE),
    'GET /api/v1/me': json(ME),
    'DELETE /api/v1/session': () => new Response(null, { status: 204 }),
  };
  watch({ reached() {}, unreachable() {}, sessionEnded: (error) => session.ended(error) });
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
    ['admin', '/settings'],
    ['auditor', '/audit'],
  ]) {
    replies['GET /api/v1/me'] = json({ ...ME, user: { ...ME.user, role } });
    await session.load();
    expect(session.home).toBe(home);
  }
});

test('signing out does first what waits', async () => {
  const order: string[] = [];
  vi.spyOn(location, 'assign').mockImplementation((to) => void order.push(String(to)));
  session.beforeSignOut = async () => void order.push('waiting deeds');
  await session.signOut();
  expect(order).toEqual(['waiting deeds', '/sign-in?signed-out']);
  expect(asked).toEqual(['DELETE /api/v1/session']);
});
