// What processes tried at their start, in words.
import type { ProcessLockdown } from '../api/admin-types';

/** By the names of the API. */
const PROCESSES: Record<string, { name: string; work: string }> = {
  front: { name: 'Front', work: 'serves the pages, keeps store and log' },
  engine: { name: 'Engine', work: 'computes the answers' },
  directory: { name: 'Directory', work: 'asks the directory about people' },
  dialler: { name: 'Dialler', work: 'connects to the directory and to nothing else' },
  'collector-dialler': { name: 'Dialler of the log', work: 'connects to the collector and to nothing else' },
};

const WAYS: Record<string, string> = {
  tcp4: 'TCP',
  tcp6: 'TCP over IPv6',
  udp4: 'UDP to a name server',
  udp6: 'UDP over IPv6',
  icmp: 'raw ICMP',
  names: 'looking up a name',
  mptcp: 'multipath TCP',
  sctp: 'SCTP',
  fastopen: 'TCP Fast Open',
  io_uring: 'io_uring',
  packet: 'raw packets',
  netlink: 'netlink',
  vsock: 'sockets of virtual machines',
  alg: 'the kernel’s cryptography',
  abstract: 'abstract Unix sockets',
  unix: 'Unix sockets',
  program: 'starting a program',
};

export function processWords(process: string): { name: string; work: string } {
  return PROCESSES[process] ?? { name: process, work: '' };
}

/** "15 of 15 ways out are closed". */
export function tally({ channels }: ProcessLockdown): string {
  const closed = channels.filter(({ blocked }) => blocked).length;
  return `${closed} of ${channels.length} ways out are closed`;
}

/** What got through, and what the kernel answered. */
export function openWays({ channels, detours }: ProcessLockdown): string[] {
  const open = [...channels, ...detours].filter(({ blocked }) => !blocked);
  return open.map(({ name, answer }) => `${WAYS[name] ?? name} (${answer})`);
}

/** "namespaces: own user and network", "no Landlock: not enabled at boot". */
export function layerWords({ layers }: ProcessLockdown): string[] {
  return layers.map(({ name, holds, about }) => `${holds ? '' : 'no '}${name}: ${about}`);
}
