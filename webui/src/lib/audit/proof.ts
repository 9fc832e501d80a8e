// Whether a record is in the log that a checkpoint was signed for: RFC 6962 leaves and nodes, RFC 9162 section 2.1.3.2.
// The page computes it itself from the record's bytes, so that one need not take the appliance's word for it.

/** Of a checkpoint's text: how many records, and their root. */
export interface Root {
  size: number;
  root: Uint8Array<ArrayBuffer>;
}

export interface Claim {
  seq: number;
  /** The record's exact line, without a newline. */
  line: string;
  /** In hex. */
  leaf: string;
  /** In hex, from the leaf upwards. */
  hashes: string[];
  /** The checkpoint, a signed note. */
  note: string;
}

export type Verdict = { fits: true; size: number } | { fits: false; why: string };

/** A tree has no more levels, for no log has 2^64 records. */
const MOST_HASHES = 64;
const HASH_BYTES = 32;

export async function check({ seq, line, leaf, hashes, note }: Claim): Promise<Verdict> {
  const checkpoint = parseNote(note);
  if (!checkpoint) return { fits: false, why: 'The checkpoint cannot be read.' };
  const own = await leafHash(new TextEncoder().encode(line));
  if (hex(own) !== leaf) return { fits: false, why: 'The leaf is not the hash of this record.' };
  const path = hashes.map(fromHex);
  if (path.length > MOST_HASHES || path.some((hash) => hash.length !== HASH_BYTES)) {
    return { fits: false, why: 'The proof cannot be read.' };
  }
  const root = await rootFrom(own, seq, checkpoint.size, path);
  if (!root || hex(root) !== hex(checkpoint.root)) {
    return { fits: false, why: 'The record does not lead to the root of the checkpoint.' };
  }
  return { fits: true, size: checkpoint.size };
}

/** The second and third line of a note; null if they are no size and no root. */
export function parseNote(note: string): Root | null {
  const [origin, size = '', root = ''] = note.split('\n');
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root)) return null;
  return { size: Number(size), root: Uint8Array.from(atob(root), (letter) => letter.charCodeAt(0)) };
}

export function leafHash(record: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return sha256(Uint8Array.of(0), record);
}

/** The root to which the path leads; null if the tree has no such leaf or the path another length than it needs. */
export async function rootFrom(
  leaf: Uint8Array<ArrayBuffer>,
  seq: number,
  size: number,
  path: Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!Number.isSafeInteger(seq) || seq < 0 || seq >= size) return null;
  let [node, last, hash] = [seq, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      // A node without a right sibling moves up unchanged until it is a right child.
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 ? hash : null;
}

/** Bits would be cut at 32. */
function half(number: number): number {
  return Math.floor(number / 2);
}

async function sha256(...parts: Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Empty if it is not hex. */
function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^([0-9a-f]{2})*$/.test(text)) return new Uint8Array();
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
