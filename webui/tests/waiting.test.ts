import { expect, test } from 'vitest';
import { waiting } from '../src/lib/chat/waiting';

test('the place and the wait are told in words', () => {
  expect(waiting({ position: 1, wait_s: 4 })).toBe('Waiting, you are next: about 4 s.');
  expect(waiting({ position: 3, wait_s: 59 })).toBe('Waiting, 2 before you: about 59 s.');
  expect(waiting({ position: 9, wait_s: 200 })).toBe('Waiting, 8 before you: about 3 min.');
});
