// The auditors' filter in the page's address, and what an export is asked for.
import { expect, test } from 'vitest';
import { pieces } from '../src/lib/audit/events.svelte';
import { address, ANY, asked, filterOf, instant, isEmpty, local } from '../src/lib/audit/filter';
import { fault, newNonce, orderOf, type Choice } from '../src/lib/audit/order';

const CHOICE: Choice = { range: 'all', from: '', to: '', nonce: '', kept: '' };

test('a filter goes into the address and comes back', () => {
  const filter = { ...ANY, actor: 'mara & co', object: 'a/b', from: '2026-11-23T08:25:50.000Z' };
  const path = address(filter, '41');
  const search = new URL(path, 'https://appliance').search;
  expect(filterOf(search)).toEqual(filter);
  expect(asked(search)).toEqual({
    actor: 'mara & co',
    object: 'a/b',
    from: '2026-11-23T08:25:50.000Z',
    cursor: '41',
  });
  expect(address(ANY)).toBe('/audit/records');
  expect([isEmpty(ANY), isEmpty(filter)]).toEqual([true, false]);
  expect(asked('?actor=&unknown=1&act=logout')).toEqual({ act: 'logout' });
});

test('times of the fields are this computer’s, those of the address UTC', () => {
  const time = '2026-11-23T08:25:50.000Z';
  expect(instant(local(time))).toBe(time);
  expect([instant(''), local(''), local('1042'), local('yesterday')]).toEqual(['', '', '', '']);
});

test.each<[Partial<Choice>, number | null, object]>([
  [{}, null, {}],
  [{ range: 'since' }, null, {}],
  [{ range: 'since' }, 42, { from: '42' }],
  [{ range: 'numbers', from: ' 3 ', to: '9' }, 42, { from: '3', to: '9' }],
  [{ range: 'numbers', to: '9' }, 42, { to: '9' }],
  [{ range: 'times', from: local('2026-11-23T08:25:50.000Z') }, 42, { from: '2026-11-23T08:25:50.000Z' }],
  [{ nonce: ' AB12 ', kept: '1000' }, 42, { nonce: 'ab12', extends: [1000] }],
])('%j asks for %j %j', (change, since, order) => {
  expect(fault({ ...CHOICE, ...change })).toBe('');
  expect(orderOf({ ...CHOICE, ...change }, since)).toEqual(order);
});

test.each<[Partial<Choice>, string]>([
  [{ range: 'numbers', from: '-1' }, 'whole numbers'],
  [{ range: 'numbers', from: '9', to: '3' }, 'ends before it begins'],
  [{ range: 'times', from: '2026-11-24T00:00', to: '2026-11-23T00:00' }, 'ends before it begins'],
  [{ kept: 'x' }, 'whole numbers'],
  [{ nonce: 'not hex' }, 'hexadecimal'],
  [{ nonce: 'a'.repeat(129) }, 'hexadecimal'],
])('%j is refused: %s', (change, why) => {
  expect(fault({ ...CHOICE, ...change })).toMatch(why);
});

test('a nonce is 16 random bytes', () => {
  const nonces = [newNonce(), newNonce()];
  for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{32}$/);
  expect(nonces[0]).not.toBe(nonces[1]);
});

test('names of fields in a meaning are told apart', () => {
  expect(pieces('It ended. `d.from`, `d.to`.')).toEqual([
    { text: 'It ended. ', name: false },
    { text: 'd.from', name: true },
    { text: ', ', name: false },
    { text: 'd.to', name: true },
    { text: '.', name: false },
  ]);
});
