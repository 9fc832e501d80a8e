// Requests and what becomes of their failures.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, json, send, watch } from '../src/lib/api/http';

const heard: string[] = [];

beforeEach(() => {
  heard.length = 0;
  watch({
    reached: () => void heard.push('reached'),
    unreachable: () => void heard.push('unreachable'),
    sessionEnded: (error) => void heard.push(`ended: ${error.code}`),
  });
});
afterEach(() => vi.unstubAllGlobals());

function answer(response: Response) {
  const fetched = vi.fn(() => Promise.resolve(response));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

test('a body travels as JSON, to this origin only', async () => {
  const fetched = answer(new Response('{"ok":true}'));
  expect(await json('/api/v1/x', { method: 'POST', body: { a: 1 } })).toEqual({ ok: true });
  expect(fetched).toHaveBeenCalledWith(
    '/api/v1/x',
    expect.objectContaining({
      method: 'POST',
      body: '{"a":1}',
      credentials: 'same-origin',
      redirect: 'error',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
    }),
  );
});

test('a problem keeps its code, its request and the time to wait', async () => {
  const body = JSON.stringify({ status: 429, code: 'locked', title: 'Locked', request_id: 'r' });
  answer(new Response(body, { status: 429, headers: { 'retry-after': '840' } }));
  const error = await send('/x').catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 429, code: 'locked', retryAfter: 840, problem: { request_id: 'r' } });
  expect(heard).toEqual(['reached']);
});

test('an answer that is no problem document is an error all the same', async () => {
  answer(new Response('<html>', { status: 502 }));
  await expect(send('/x')).rejects.toMatchObject({ status: 502, code: 'unknown', retryAfter: null });
});

test('only a lost session is told of, not a wrong password', async () => {
  answer(new Response('{"code":"sign_in_failed"}', { status: 401 }));
  await expect(send('/x')).rejects.toMatchObject({ code: 'sign_in_failed' });
  answer(new Response('{"code":"session_expired"}', { status: 401 }));
  await expect(send('/x')).rejects.toMatchObject({ code: 'session_expired' });
  expect(heard).toEqual(['reached', 'reached', 'ended: session_expired']);
});

test('no answer at all is told of, a request that was given up is not', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
  await expect(send('/x')).rejects.toMatchObject({ code: 'unreachable', status: 0 });
  const given = new AbortController();
  given.abort();
  await expect(send('/x', { signal: given.signal })).rejects.toBeInstanceOf(TypeError);
  expect(heard).toEqual(['unreachable']);
});
