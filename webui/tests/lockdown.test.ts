// What the administrators read about the lockdown.
import { expect, test } from 'vitest';
import type { ProcessLockdown } from '../src/lib/api/admin-types';
import { layerWords, openWays, processWords, tally } from '../src/lib/words/lockdown';

const way = (name: string, blocked: boolean) => ({ name, blocked, answer: blocked ? 'EPERM' : 'it worked' });

const PARTIAL: ProcessLockdown = {
  process: 'engine',
  full: false,
  layers: [
    { name: 'namespaces', holds: true, about: 'own user and network' },
    { name: 'Landlock', holds: false, about: 'not enabled at boot' },
  ],
  channels: [way('tcp4', true), way('names', false), way('vsock', true)],
  detours: [way('program', false)],
};

test('what is open is named in words, with the kernel’s answer', () => {
  expect(tally(PARTIAL)).toBe('2 of 3 ways out are closed');
  expect(openWays(PARTIAL)).toEqual(['looking up a name (it worked)', 'starting a program (it worked)']);
});

test('a layer that the kernel lacks is told from one that holds', () => {
  expect(layerWords(PARTIAL)).toEqual([
    'namespaces: own user and network',
    'no Landlock: not enabled at boot',
  ]);
});

test('a process or a way that is newer than this page keeps its name', () => {
  expect(processWords('librarian')).toEqual({ name: 'librarian', work: '' });
  expect(openWays({ ...PARTIAL, channels: [way('quic', false)], detours: [] })).toEqual(['quic (it worked)']);
});
