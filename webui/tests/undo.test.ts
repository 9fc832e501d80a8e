// Deeds that can be taken back for a while.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UndoQueue } from '../src/lib/state/undo';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('the deed is done after the delay, once', () => {
  const deed = vi.fn();
  const queue = new UndoQueue(10_000);
  queue.schedule(deed);
  vi.advanceTimersByTime(9_999);
  expect(deed).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(deed.mock.calls).toEqual([[false]]);
  queue.flush();
  expect(deed).toHaveBeenCalledTimes(1);
});

test('taken back in time it is never done', () => {
  const deed = vi.fn();
  const queue = new UndoQueue(10_000);
  const id = queue.schedule(deed);
  expect(queue.undo(id)).toBe(true);
  expect(queue.undo(id)).toBe(false);
  vi.runAllTimers();
  queue.flush();
  expect(deed).not.toHaveBeenCalled();
});

test('too late is too late', () => {
  const queue = new UndoQueue(10);
  const id = queue.schedule(() => {});
  vi.advanceTimersByTime(10);
  expect(queue.undo(id)).toBe(false);
});

test('leaving the page does at once what waits, and says so', () => {
  const first = vi.fn();
  const second = vi.fn();
  const queue = new UndoQueue(10_000);
  queue.schedule(first);
  queue.schedule(second);
  queue.flush();
  vi.runAllTimers();
  expect(first.mock.calls).toEqual([[true]]);
  expect(second.mock.calls).toEqual([[true]]);
});
