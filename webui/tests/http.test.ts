// Requests and what becomes of their failures.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

describe('what stands in the way of a call', () => {
  const refusal = (status: number, code: string) => new Response(JSON.stringify({ code }), { status });

  /** Refused until `cleared`, then answered. */
  function gate(code: string, status: number) {
    let open = false;
    const fetched = vi.fn(() => Promise.resolve(open ? new Response('{"ok":true}') : refusal(status, code)));
    vi.stubGlobal('fetch', fetched);
    return { fetched, clear: () => (open = true) };
  }

  test('a locked session: the call waits for the person and is repeated', async () => {
    const { fetched, clear } = gate('session_locked', 401);
    watch({ unlocked: () => Promise.resolve(clear()) });
    expect(await json('/x', { method: 'POST', body: { a: 1 } })).toEqual({ ok: true });
    expect(fetched).toHaveBeenCalledTimes(2);
    expect(fetched.mock.calls[1]).toEqual(fetched.mock.calls[0]);
  });

  test('a proof that is given repeats the call, one that is not leaves it refused', async () => {
    const { fetched, clear } = gate('proof_needed', 403);
    watch({ proved: () => Promise.resolve(false) });
    await expect(send('/x')).rejects.toMatchObject({ code: 'proof_needed' });
    expect(fetched).toHaveBeenCalledTimes(1);
    watch({ proved: () => Promise.resolve(clear()) });
    await expect(json('/x')).resolves.toEqual({ ok: true });
  });

  test('a call that was given up meanwhile is not repeated', async () => {
    const { fetched } = gate('session_locked', 401);
    const given = new AbortController();
    watch({
      unlocked: () => {
        given.abort();
        return Promise.resolve(true);
      },
    });
    await expect(send('/x', { signal: given.signal })).rejects.toMatchObject({ code: 'session_locked' });
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  test('a workspace that is needed is told of', async () => {
    gate('workspace_needed', 403);
    const told = vi.fn();
    watch({ workspaceNeeded: told });
    await expect(send('/x')).rejects.toMatchObject({ code: 'workspace_needed' });
    expect(told).toHaveBeenCalledOnce();
  });
});
