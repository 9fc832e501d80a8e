// Branches of a chat.
import { expect, test } from 'vitest';
import type { Message } from '../src/lib/api/types';
import { contextUsed, newestLeaf, pathTo, versionsOf } from '../src/lib/chat/tree';

function message(id: string, parent: string | null): Message {
  const role = id.startsWith('q') ? 'user' : 'assistant';
  return { id, parent, role, content: id, status: 'done', created_at: '2026-01-01T00:00:00Z' };
}

// q1 ─ a1 ─ q2 ─ a2
//    │          └ a3 (regenerated)
//    └ a4 ─ q3 ─ a5
// q4 ─ a6 (the first question, edited)
const TREE = [
  message('q1', null),
  message('a1', 'q1'),
  message('q2', 'a1'),
  message('a2', 'q2'),
  message('a3', 'q2'),
  message('a4', 'q1'),
  message('q3', 'a4'),
  message('a5', 'q3'),
  message('q4', null),
  message('a6', 'q4'),
];
const find = (id: string) => TREE.find((known) => known.id === id) as Message;
const ids = (messages: Message[]) => messages.map(({ id }) => id);

test('the path leads from the first question to the head', () => {
  expect(ids(pathTo(TREE, 'a3'))).toEqual(['q1', 'a1', 'q2', 'a3']);
  expect(ids(pathTo(TREE, 'a6'))).toEqual(['q4', 'a6']);
  expect(pathTo(TREE, null)).toEqual([]);
  expect(pathTo(TREE, 'unknown')).toEqual([]);
});

test('a branch is shown down to its newest end', () => {
  expect(newestLeaf(TREE, 'q1')).toBe('a5');
  expect(newestLeaf(TREE, 'a1')).toBe('a3');
  expect(newestLeaf(TREE, 'a2')).toBe('a2');
});

test('versions are brothers of one role', () => {
  expect(versionsOf(TREE, find('a2'))).toEqual({ ids: ['a2', 'a3'], index: 0 });
  expect(versionsOf(TREE, find('q4'))).toEqual({ ids: ['q1', 'q4'], index: 1 });
  expect(versionsOf(TREE, find('q2'))).toEqual({ ids: ['q2'], index: 0 });
});

test('a tree that bites its tail ends all the same', () => {
  const loop = [message('q1', 'a1'), message('a1', 'q1')];
  expect(ids(pathTo(loop, 'a1'))).toEqual(['q1', 'a1']);
  expect(newestLeaf(loop, 'q1')).toBe('a1');
});

test('the context is what the last counted answer took', () => {
  const usage = { prompt_tokens: 100, completion_tokens: 20, cached_tokens: 90 };
  expect(contextUsed([find('q1'), { ...find('a1'), usage }, find('q2'), find('a2')])).toBe(120);
  expect(contextUsed([find('q1')])).toBeNull();
});
