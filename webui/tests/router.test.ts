// Paths and pages.
import { beforeEach, expect, test } from 'vitest';
import { isOwnPath, match, router } from '../src/lib/state/router.svelte';

test.each([
  ['/', 'home', null],
  ['/sign-in', 'sign-in', null],
  ['/enrol', 'enrol', null],
  ['/chats', 'chats', null],
  ['/chats/', 'chats', null],
  ['/chats/5f0c-1', 'chats', '5f0c-1'],
  ['/settings', 'settings', null],
  ['/audit/nothing', 'unknown', null],
  ['/help', 'help', null],
  ['/chats/a/b', 'unknown', null],
  ['/chats/%2e%2e', 'unknown', null],
  ['/constructor', 'unknown', null],
  ['/Settings', 'unknown', null],
])('%s is %s', (path, name, chat) => {
  expect(match(path)).toEqual({ name, chat, admin: null, audit: null, help: null });
});

test.each([
  ['/help/keys', 'keys'],
  ['/help/keys/', 'keys'],
  ['/help/../keys', null],
  ['/help/Keys', null],
  ['/help/keys/more', null],
])('%s is the page %s of the manual', (path, help) => {
  expect(match(path)).toMatchObject({ name: help ? 'help' : 'unknown', help });
});

test.each([
  ['/admin', { part: 'people', item: null }],
  ['/admin/people', { part: 'people', item: null }],
  ['/admin/people/', { part: 'people', item: null }],
  ['/admin/people/5f0c-1', { part: 'people', item: '5f0c-1' }],
  ['/admin/groups/everyone', { part: 'groups', item: 'everyone' }],
  ['/admin/retention', { part: 'retention', item: null }],
  ['/admin/purges/5f0c-1', null],
  ['/admin/usage', { part: 'usage', item: null }],
  ['/admin/usage/5f0c-1', null],
  ['/admin/constructor', null],
  ['/admin/people/a/b', null],
  ['/administrators', null],
])('%s is the page %j', (path, admin) => {
  expect(match(path)).toEqual({
    name: admin ? 'admin' : 'unknown',
    chat: null,
    admin,
    audit: null,
    help: null,
  });
});

test.each([
  ['/audit', { part: 'records', item: null }],
  ['/audit/records', { part: 'records', item: null }],
  ['/audit/records/', { part: 'records', item: null }],
  ['/audit/records/1042', { part: 'records', item: '1042' }],
  ['/audit/checkpoints/8', { part: 'checkpoints', item: '8' }],
  ['/audit/exports', { part: 'exports', item: null }],
  ['/audit/exports/8', null],
  ['/audit/records/x', null],
  ['/audit/records/-1', null],
  ['/audit/constructor', null],
  ['/auditors', null],
])('%s is the page %j of the auditors', (path, audit) => {
  expect(match(path)).toEqual({
    name: audit ? 'audit' : 'unknown',
    chat: null,
    admin: null,
    audit,
    help: null,
  });
});

test.each([
  ['/chats/abc#m', true],
  ['/settings', true],
  ['//evil.example/chats', false],
  ['/\\evil.example', false],
  ['https://evil.example/chats', false],
  ['javascript:alert(1)', false],
  ['/api/v1/me', false],
  ['', false],
])('going back to %j is allowed: %s', (path, allowed) => {
  expect(isOwnPath(path)).toBe(allowed);
});

beforeEach(() => history.replaceState(null, '', '/chats'));

test('going somewhere is a step in the history, replacing is not', () => {
  router.go('/chats');
  const before = history.length;
  router.go('/settings');
  expect(router.route.name).toBe('settings');
  expect(history.length).toBe(before + 1);
  router.go('/help', { replace: true });
  expect(router.path).toBe('/help');
  expect(history.length).toBe(before + 1);
});

test('a click on an own link stays in the page; with a key held it is the browser’s', () => {
  router.start();
  const link = document.createElement('a');
  link.href = '/chats/abc#m1';
  document.body.append(link);
  const plain = new MouseEvent('click', { bubbles: true, cancelable: true });
  link.dispatchEvent(plain);
  expect(plain.defaultPrevented).toBe(true);
  expect([router.route.chat, router.hash]).toEqual(['abc', '#m1']);
  const held = new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: true });
  link.dispatchEvent(held);
  expect(held.defaultPrevented).toBe(false);
});
