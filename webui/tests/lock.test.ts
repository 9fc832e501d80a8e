// The lock: hidden at once, told to the appliance, opened by a password or a code.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { send, watch } from '../src/lib/api/http';
import { announcer } from '../src/lib/state/announcer.svelte';
import { lock } from '../src/lib/state/lock.svelte';
import { proof } from '../src/lib/state/proof.svelte';
import { toasts } from '../src/lib/state/toasts.svelte';
import { withhold } from '../src/lib/ui/withhold';

const asked: { call: string; body: unknown }[] = [];
let answer: (call: string) => Response;

const done = () => new Response(null, { status: 204 });
const refusal = (status: number, code: string) => new Response(JSON.stringify({ status, code }), { status });

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  answer = done;
  watch({ unlocked: () => lock.closed(), proved: () => proof.need() });
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    const call = `${init.method} ${path}`;
    asked.push({ call, body: init.body ? JSON.parse(String(init.body)) : null });
    return Promise.resolve(answer(call));
  });
});

afterEach(() => {
  lock.disarm();
  vi.useRealTimers();
});

const calls = () => asked.map(({ call }) => call);

test('the page locks itself after the time without input, and input puts it off', async () => {
  lock.arm(60);
  await vi.advanceTimersByTimeAsync(50_000);
  lock.input();
  await vi.advanceTimersByTimeAsync(50_000);
  expect(lock.on).toBe(false);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(lock.on).toBe(true);
  expect(calls().at(-1)).toBe('POST /api/v1/session/lock');
});

test('while somebody writes for long the appliance hears of them, and of nobody else', async () => {
  lock.arm(60);
  lock.called();
  for (let seconds = 0; seconds < 50; seconds += 5) {
    await vi.advanceTimersByTimeAsync(5_000);
    lock.input();
  }
  expect(calls()).toEqual(['GET /api/v1/me', 'GET /api/v1/me']);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(calls().length).toBeLessThanOrEqual(3);
  expect(lock.on).toBe(false);
});

test('without a time it never does', async () => {
  lock.arm(0);
  await vi.advanceTimersByTimeAsync(86_400_000);
  expect(lock.on).toBe(false);
});

test('what waits reaches the appliance before the lock', async () => {
  lock.before = async () => void asked.push({ call: 'waiting deeds', body: null });
  await lock.close();
  expect(calls()).toEqual(['waiting deeds', 'POST /api/v1/session/lock']);
  lock.before = () => Promise.resolve();
});

test('the page hides at once, also while the appliance does not answer, and tells it as soon as it does', async () => {
  const fetched = vi.fn(() => Promise.reject(new TypeError('failed')));
  vi.stubGlobal('fetch', fetched);
  void lock.close();
  expect(lock.on).toBe(true);
  await vi.advanceTimersByTimeAsync(4_100);
  expect(fetched.mock.calls.length).toBeGreaterThan(1);
});

test('nothing that may hold words of a chat stays', async () => {
  toasts.show('“Private matters” was deleted.');
  announcer.say('A sentence of an answer.');
  await lock.close();
  expect(toasts.items).toEqual([]);
  expect(announcer.lines).toEqual([]);
});

test('a call that meets the lock waits and is repeated once it is open', async () => {
  let locked = true;
  answer = (call) => {
    if (call.endsWith('/unlock')) locked = false;
    return locked ? refusal(401, 'session_locked') : done();
  };
  const called = send('/api/v1/keys', { method: 'DELETE' });
  await vi.waitFor(() => expect(lock.on).toBe(true));
  await lock.open({ code: '123456' });
  expect((await called).status).toBe(204);
  expect(asked.at(1)).toEqual({ call: 'POST /api/v1/session/unlock', body: { code: '123456' } });
  expect(lock.on).toBe(false);
});

test('a wrong password leaves it locked', async () => {
  await lock.close();
  answer = () => refusal(401, 'sign_in_failed');
  await expect(lock.open({ password: 'wrong' })).rejects.toMatchObject({ code: 'sign_in_failed' });
  expect(lock.on).toBe(true);
});

test('a session that ends opens the lock for nobody', async () => {
  answer = () => refusal(401, 'session_locked');
  const called = send('/x').catch((error: unknown) => error);
  await vi.waitFor(() => expect(lock.on).toBe(true));
  lock.disarm();
  expect(await called).toMatchObject({ code: 'session_locked' });
});

test('several calls ask for one proof', async () => {
  let proved = false;
  answer = (call) => {
    if (call.endsWith('/proof')) proved = true;
    return proved ? done() : refusal(403, 'proof_needed');
  };
  const both = Promise.all([send('/a', { method: 'POST' }), send('/b', { method: 'POST' })]);
  await vi.waitFor(() => expect(calls()).toEqual(['POST /a', 'POST /b']));
  await vi.waitFor(() => expect(proof.asking).toBe(true));
  await proof.give('123456', 'a long password');
  expect((await both).map(({ status }) => status)).toEqual([204, 204]);
  expect(proof.asking).toBe(false);
  expect(asked.at(2)?.body).toEqual({ password: 'a long password', code: '123456' });
});

test('an element that is withheld comes back with what was typed', () => {
  const frame = document.createElement('div');
  const field = document.createElement('textarea');
  frame.append(field);
  document.body.append(frame);
  field.value = 'half a question';
  let hidden = false;
  const attach = withhold(() => hidden);
  const leave = attach(frame);
  field.focus();
  hidden = true;
  if (leave) leave();
  const put = attach(frame);
  expect(document.querySelector('textarea')).toBeNull();
  if (put) put();
  expect(document.querySelector('textarea')?.value).toBe('half a question');
  expect(document.activeElement).toBe(field);
  frame.remove();
});
