// What people read and hear: periods, durations, errors, sentences, facts.
import { describe, expect, test } from 'vitest';
import { ApiError } from '../src/lib/api/http';
import type { ChatSummary } from '../src/lib/api/types';
import { answerFacts } from '../src/lib/chat/answer-facts';
import { groupByPeriod } from '../src/lib/chat/list.svelte';
import { browserName } from '../src/lib/settings/agent';
import { refusal } from '../src/lib/sign-in/messages';
import { Sentences } from '../src/lib/state/announcer.svelte';
import { now, setClock } from '../src/lib/state/clock';
import { duration, explain } from '../src/lib/ui/errors';
import { period, shortTime } from '../src/lib/ui/time';

describe('periods', () => {
  const today = new Date(2026, 10, 23, 0, 30);
  const at = (...parts: [number, number, number, number, number]) => new Date(...parts).toISOString();

  test('go by the calendar, not by hours', () => {
    expect(period(at(2026, 10, 23, 0, 0), today)).toBe('Today');
    expect(period(at(2026, 10, 22, 23, 59), today)).toBe('Yesterday');
    expect(period(at(2026, 10, 22, 0, 0), today)).toBe('Yesterday');
    expect(period(at(2026, 10, 21, 23, 59), today)).toBe('Earlier');
  });

  test('what lies ahead is told with its day', () => {
    expect(shortTime(at(2026, 10, 23, 23, 0), today)).toMatch(/^\d\d:\d\d/);
    expect(shortTime(at(2026, 10, 24, 9, 0), today)).toMatch(/24.*2026/);
  });

  test('group chats and keep their order', () => {
    const chat = (id: string, updated_at: string) => ({ id, updated_at }) as ChatSummary;
    const groups = groupByPeriod(
      [
        chat('1', at(2026, 10, 23, 0, 10)),
        chat('2', at(2026, 10, 22, 9, 0)),
        chat('3', at(2026, 10, 22, 8, 0)),
      ],
      today,
    );
    expect(groups.map(({ period: name, chats }) => [name, chats.map(({ id }) => id)])).toEqual([
      ['Today', ['1']],
      ['Yesterday', ['2', '3']],
    ]);
  });
});

test.each([
  [0, '1 second'],
  [1, '1 second'],
  [40, '40 seconds'],
  [90, '2 minutes'],
  [900, '15 minutes'],
  [86_400, '24 hours'],
])('%i s reads %s', (seconds, words) => expect(duration(seconds)).toBe(words));

describe('errors', () => {
  const error = (code: string, status: number, retryAfter: number | null = null) =>
    new ApiError({ status, code, title: 'Title', request_id: 'r-1', retry_after: retryAfter });

  test('say what, what to do, and the request', () => {
    expect(explain(error('busy', 503, 7))).toEqual({
      what: 'Title',
      todo: 'Try again in 7 seconds.',
      requestId: 'r-1',
    });
  });

  test('codes that need more words get them', () => {
    expect(explain(error('context_exceeded', 422)).todo).toBe('Shorten it, or send it in parts.');
    expect(explain(error('new_code', 500))).toEqual({ what: 'Title', todo: '', requestId: 'r-1' });
  });

  test('a fault of the page itself is not blamed on the appliance', () => {
    expect(explain(new TypeError('x')).requestId).toBeNull();
  });

  test('a refused sign-in does not say which part was wrong', () => {
    expect(refusal(error('sign_in_failed', 401))).toBe('This name and password were not accepted.');
    expect(refusal(error('locked', 429, 840))).toContain('14 minutes');
    expect(refusal(error('internal', 500))).toContain('r-1');
  });
});

describe('sentences', () => {
  test('come whole, however the pieces fall', () => {
    const text = 'It costs 3.14 in all. Is that much? He said "no!" Then\na list:\nlast words';
    for (const size of [1, 2, 5, 100]) {
      const sentences = new Sentences();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...sentences.push(text.slice(at, at + size)));
      found.push(sentences.finish());
      expect(found).toEqual([
        'It costs 3.14 in all.',
        'Is that much?',
        'He said "no!"',
        'Then',
        'a list:',
        'last words',
      ]);
    }
  });
});

test('the facts of an answer', () => {
  const usage = { prompt_tokens: 10, completion_tokens: 50, cached_tokens: 0 };
  const message = {
    id: 'a',
    parent: 'q',
    role: 'assistant',
    content: '',
    status: 'done',
    created_at: '',
  } as const;
  expect(answerFacts({ ...message, model: 'm', usage, elapsed_ms: 2_000 })).toBe(
    'm · 50 tokens · 25.0 tokens/s · 2.0 s',
  );
  expect(answerFacts(message)).toBe('');
});

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0', 'Firefox 115 on Linux'],
  [
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/109.0.0.0 Safari/537.36',
    'Chromium 109 on Windows',
  ],
  ['Mozilla/5.0 (Windows NT 10.0) Chrome/120.0.0.0 Safari/537.36 Edg/120.0', 'Edge 120 on Windows'],
  ['curl/8.1', 'curl/8.1'],
  ['', 'Unknown program'],
])('%s is %s', (agent, name) => expect(browserName(agent)).toBe(name));

test('days are those of the appliance, whose clock the chats carry', () => {
  const real = Date.now();
  setClock(new Date(real + 3 * 86_400_000).toISOString());
  expect(period(new Date(real).toISOString())).toBe('Earlier');
  expect(Math.abs(now().getTime() - real - 3 * 86_400_000)).toBeLessThan(1_000);
  setClock('nonsense');
  expect(period(now().toISOString())).toBe('Today');
  setClock(new Date().toISOString());
});
