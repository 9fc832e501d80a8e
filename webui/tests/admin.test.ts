// The administration's calls and figures.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Person } from '../src/lib/api/admin-types';
import type { Page, Role } from '../src/lib/api/types';
import { askPurge, decidePurge, liftHold, restoreArchive, runRetention } from '../src/lib/api/custody';
import { createMapping, dryRun, testDirectory } from '../src/lib/api/directory';
import { addMember, listGroups, updateGroup } from '../src/lib/api/groups';
import { createKey, ownUsage } from '../src/lib/api/own';
import { createPerson, listPeople, renewPassword, revokeKeyOf, updatePerson } from '../src/lib/api/people';
import { listUsage } from '../src/lib/api/watch';
import { contrast, LEAST_CONTRAST, LEVELS } from '../src/lib/admin/markings';
import { people, places } from '../src/lib/shell/entries';
import { choicesFor } from '../src/lib/prompts/choices';
import { Call } from '../src/lib/state/call.svelte';
import { attempt, deeds, later } from '../src/lib/state/deeds';
import { Listing } from '../src/lib/state/listing.svelte';
import { Resource } from '../src/lib/state/resource.svelte';
import { toasts } from '../src/lib/state/toasts.svelte';
import { byDay } from '../src/lib/words/days';
import { bytes, count, span } from '../src/lib/words/sizes';

interface Sent {
  call: string;
  body: unknown;
}

const asked: Sent[] = [];
let replies: unknown[];

beforeEach(() => {
  asked.length = 0;
  replies = [];
  toasts.clear();
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    asked.push({ call: `${init.method} ${path}`, body: init.body ? JSON.parse(String(init.body)) : null });
    return Promise.resolve(new Response(JSON.stringify(replies.shift() ?? {})));
  });
});
afterEach(() => vi.unstubAllGlobals());

describe('calls', () => {
  const A = '/api/v1/admin';
  test.each<[string, () => Promise<unknown>, Sent]>([
    [
      'people are searched',
      () => listPeople('ma ra', 'c 1'),
      { call: `GET ${A}/people?limit=50&query=ma+ra&cursor=c+1`, body: null },
    ],
    [
      'a person is made',
      () => createPerson({ username: 'mara', role: 'auditor' }),
      { call: `POST ${A}/people`, body: { username: 'mara', role: 'auditor' } },
    ],
    [
      'a person is disabled',
      () => updatePerson('a/b', { disabled: true }),
      { call: `PATCH ${A}/people/a%2Fb`, body: { disabled: true } },
    ],
    [
      'a password is renewed',
      () => renewPassword('p1'),
      { call: `POST ${A}/people/p1/password`, body: null },
    ],
    [
      'a key of somebody is revoked',
      () => revokeKeyOf('p1', 'k1'),
      { call: `DELETE ${A}/people/p1/keys/k1`, body: null },
    ],
    [
      'a group is changed',
      () => updateGroup('g1', { permissions: { export: 'deny' } }),
      { call: `PATCH ${A}/groups/g1`, body: { permissions: { export: 'deny' } } },
    ],
    ['a member comes in', () => addMember('g1', 'p1'), { call: `PUT ${A}/groups/g1/members/p1`, body: null }],
    [
      'a mapping means a group',
      () => createMapping({ directory_group: 'cn=a', group: 'g1' }),
      { call: `POST ${A}/mappings`, body: { directory_group: 'cn=a', group: 'g1' } },
    ],
    ['a dry run of everybody', () => dryRun(''), { call: `POST ${A}/mappings/dry-run`, body: {} }],
    [
      'a test with a name',
      () => testDirectory('mara'),
      { call: `POST ${A}/directory/test`, body: { username: 'mara' } },
    ],
    ['usage is read', () => listUsage('model', 7), { call: `GET ${A}/usage?days=7&by=model`, body: null }],
    ['own usage is read', () => ownUsage(30), { call: 'GET /api/v1/usage?days=30', body: null }],
    [
      'a chat is to be erased',
      () => askPurge('c1', 'a spill'),
      { call: `POST ${A}/purges`, body: { chat: 'c1', reason: 'a spill' } },
    ],
    ['retention is run', () => runRetention(), { call: `POST ${A}/retention/run`, body: null }],
    [
      'an archive is put back',
      () => restoreArchive('a/b'),
      { call: `POST ${A}/archives/a%2Fb/restore`, body: null },
    ],
    [
      'a purge is agreed to',
      () => decidePurge('p1', true),
      { call: 'POST /api/v1/audit/purges/p1/approval', body: { approve: true } },
    ],
    ['a hold is lifted', () => liftHold('h1'), { call: 'DELETE /api/v1/audit/holds/h1', body: null }],
    [
      'a key is made',
      () => createKey({ name: 'build', scopes: ['chat'], expires_in_days: 90 }),
      { call: 'POST /api/v1/keys', body: { name: 'build', scopes: ['chat'], expires_in_days: 90 } },
    ],
  ])('%s', async (_what, act, expected) => {
    replies = [{ items: [], purge: {} }];
    await act();
    expect(asked).toEqual([expected]);
  });

  test('a list that is short is read to its end', async () => {
    replies = [
      { items: [{ id: 'a' }], next: 'c2' },
      { items: [{ id: 'b' }], next: null },
    ];
    expect((await listGroups()).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(asked[1]?.call).toBe('GET /api/v1/admin/groups?limit=50&cursor=c2');
  });
});

describe('lists', () => {
  const person = (id: string) => ({ id }) as Person;

  test('come a page at a time, and a later search wins over an earlier one', async () => {
    const answers: ((items: Person[]) => void)[] = [];
    const read = vi.fn<(query: string, cursor: string | null) => Promise<Page<Person>>>(
      () => new Promise((tell) => answers.push((items) => tell({ items, next: 'more' }))),
    );
    const people = new Listing(read);
    const [first, second] = [people.search('m'), people.search('ma')];
    answers[1]?.([person('mara')]);
    answers[0]?.([person('mike')]);
    await Promise.all([first, second]);
    expect(people.value).toEqual([person('mara')]);
    const third = people.more();
    expect(read).toHaveBeenLastCalledWith('ma', 'more');
    answers[2]?.([person('mara'), person('marek')]);
    await third;
    expect(people.value?.map(({ id }) => id)).toEqual(['mara', 'marek']);
  });

  test('a failure keeps what was there', async () => {
    let fail = false;
    const resource = new Resource(() => (fail ? Promise.reject(new Error('no')) : Promise.resolve(1)));
    await resource.load();
    fail = true;
    await resource.load();
    expect(resource.value).toBe(1);
    expect(resource.error).toBeInstanceOf(Error);
  });
});

describe('deeds', () => {
  test('one that waits is done after ten seconds, or comes back', async () => {
    vi.useFakeTimers();
    const commit = vi.fn(() => Promise.resolve());
    const restore = vi.fn();
    later({ said: 'Gone.', commit, restore });
    toasts.items[0]?.action?.run();
    expect(restore).toHaveBeenCalledOnce();
    later({ said: 'Gone.', commit, restore });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(commit).toHaveBeenCalledExactlyOnceWith(false);
    vi.useRealTimers();
  });

  test('one that fails when it is due comes back, too', async () => {
    const restore = vi.fn();
    later({ said: 'Gone.', commit: () => Promise.reject(new Error('no')), restore });
    await deeds.flush();
    expect(restore).toHaveBeenCalledOnce();
  });

  test('one by a button is done once, however often it is pressed, and can be tried again', async () => {
    const make = vi.fn(() => Promise.reject<unknown>(new Error('no')));
    const call = new Call(make);
    const both = [call.run(), call.run()];
    expect(call.busy).toBe(true);
    await Promise.all(both);
    expect(make).toHaveBeenCalledOnce();
    expect([call.busy, call.error]).toEqual([false, new Error('no')]);
    make.mockResolvedValueOnce(null);
    await call.run();
    expect(call.error).toBeNull();
  });

  test('one that is done now says how it went', async () => {
    expect(await attempt(() => Promise.resolve(), 'Done.')).toBe(true);
    expect(await attempt(() => Promise.reject(new Error('no')), 'Done.')).toBe(false);
    expect(toasts.items.map(({ text }) => text.split('.')[0])).toEqual(['Done', 'That did not happen']);
  });
});

describe('figures', () => {
  test('the usual levels can be read, and grey on grey cannot', () => {
    for (const { text, background, color } of LEVELS) {
      expect(contrast(background, color), text).toBeGreaterThanOrEqual(LEAST_CONTRAST);
    }
    expect(contrast('#777777', '#888888')).toBeLessThan(1.5);
    expect(contrast('#ffffff', '#000000')).toBeCloseTo(21, 5);
  });

  test('every day has a bar, also one without use', () => {
    const row = { model: 'm', requests: 1, prompt_tokens: 10, completion_tokens: 5 };
    const rows = [
      { ...row, day: '2026-11-22' },
      { ...row, day: '2026-11-22', model: 'n' },
      { ...row, day: '2026-01-01' },
    ];
    expect(byDay(rows, 3, new Date('2026-11-23T12:00:00Z'))).toEqual([
      { day: '2026-11-21', requests: 0, tokens: 0 },
      { day: '2026-11-22', requests: 2, tokens: 30 },
      { day: '2026-11-23', requests: 0, tokens: 0 },
    ]);
  });

  test('amounts are read as people say them', () => {
    expect([bytes(512), bytes(1_536), bytes(105_454_432)]).toEqual(['512 bytes', '1.5 KiB', '101 MiB']);
    expect([count(1, 'person', 'people'), count(1_200, 'chat')]).toEqual([
      '1 person',
      `${(1_200).toLocaleString()} chats`,
    ]);
    expect([span(59), span(3_600), span(90_000)]).toEqual([
      '0 minutes',
      '1 hour, 0 minutes',
      '1 day, 1 hour',
    ]);
  });
});

test('a slash offers prompts, and leaves alone what only looks like one', () => {
  const prompt = (name: string) => ({ id: name, name, content: `${name} it`, own: true });
  const items = ['Translate', 'Summarise', 'Long translation'].map(prompt);
  const names = (text: string) => choicesFor(text, items).map(({ name }) => name);
  expect(names('/')).toEqual(['Translate', 'Summarise', 'Long translation', 'Prompt library']);
  expect(names('/trans')).toEqual(['Translate', 'Long translation', 'Prompt library']);
  expect(names('/etc/passwd: what is it?')).toEqual([]);
  expect(names('1/2')).toEqual([]);
  expect(names('/trans\nlate')).toEqual([]);
  expect(choicesFor('/', [])).toHaveLength(1);
});

describe('the search leads', () => {
  const titles = (query: string, role: Role) => places(query, role).map(({ title }) => title);

  test('analysts to a new chat, others to their pages', () => {
    expect(titles('', 'analyst')).toEqual(['New chat']);
    expect(titles('sett', 'analyst')).toEqual(['Settings']);
    const audit = ['Audit records', 'Checkpoints', 'Exports', 'Holds', 'Purges'];
    expect(titles('', 'auditor')).toEqual([...audit, 'Settings', 'Help']);
    expect(titles('people', 'admin')).toEqual(['People']);
    expect(titles('people', 'analyst')).toEqual([]);
  });

  test('admins to people', () => {
    const mara = { id: 'p1', username: 'mara', display_name: 'Mara Lind' } as Person;
    expect(people([mara])).toMatchObject([
      { path: '/admin/people/p1', title: 'mara', snippet: [{ text: 'Mara Lind' }] },
    ]);
  });
});
