// The check of a record's proof, against the known answers of the log's format (appliance/audit/FORMAT.md).
import { expect, test } from 'vitest';
import { check, leafHash, parseNote, rootFrom, type Claim } from '../src/lib/audit/proof';

type Bytes = Uint8Array<ArrayBuffer>;

const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS: Record<number, string> = {
  1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
};
const NOTE =
  'redoubt/test\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n— redoubt/test ' +
  'oaIVLi+QZzAgc0j6pfOrRuHHQV753Qv/NU4JhnOwxlmYDW436XY2XhxQgROJ8TeBz1PPgWBFHGMwqwQ9wBEVXne6eQQ=\n';

const bytes = (text: string): Bytes =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const at = <T>(list: T[], index: number): T => {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
};
const hex = (of: Uint8Array) => Array.from(of, (byte) => byte.toString(16).padStart(2, '0')).join('');

async function node(left: Bytes, right: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.of(1, ...left, ...right)));
}

/** Root and path as RFC 9162 section 2.1.3.1 makes them: by cutting the list in two, not by walking up. */
async function tree(leaves: Bytes[], seq: number): Promise<{ root: Bytes; path: Bytes[] }> {
  if (leaves.length === 1) return { root: at(leaves, 0), path: [] };
  let cut = 1;
  while (cut * 2 < leaves.length) cut *= 2;
  const [left, right] = [leaves.slice(0, cut), leaves.slice(cut)];
  const near = seq < cut ? await tree(left, seq) : await tree(right, seq - cut);
  const far = (await tree(seq < cut ? right : left, 0)).root;
  const root = seq < cut ? await node(near.root, far) : await node(far, near.root);
  return { root, path: [...near.path, far] };
}

const leaves = (count: number) => Promise.all(INPUTS.slice(0, count).map((input) => leafHash(bytes(input))));

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'each leaf of a tree of %i leads to its root, and nothing else does',
  async (size) => {
    const all = await leaves(size);
    for (const seq of all.keys()) {
      const { root, path } = await tree(all, seq);
      if (ROOTS[size]) expect(hex(root)).toBe(ROOTS[size]);
      const led = async (leaf: Bytes, number: number, of: number, by: Bytes[]) => {
        const found = await rootFrom(leaf, number, of, by);
        return found !== null && hex(found) === hex(root);
      };
      expect(await led(at(all, seq), seq, size, path)).toBe(true);
      expect(await led(at(all, (seq + 1) % size), seq, size, path)).toBe(size === 1);
      for (const wrong of [-1, 0.5, size, 2 ** 53])
        expect(await led(at(all, seq), wrong, size, path)).toBe(false);
      for (const other of all.keys()) {
        if (other !== seq) expect(await led(at(all, seq), other, size, path)).toBe(false);
      }
      expect(await led(at(all, seq), seq, size, path.slice(1))).toBe(size === 1);
      expect(await led(at(all, seq), seq, size, [...path, root])).toBe(false);
      for (const place of path.keys()) {
        const changed = path.map((hash, index) => (index === place ? hash.map((byte) => byte ^ 1) : hash));
        expect(await led(at(all, seq), seq, size, changed)).toBe(false);
      }
    }
  },
);

/** A log of more records than 32 bits count: the lowest leaf of the right half. */
test('numbers are not cut at 32 bits', async () => {
  const all = await leaves(2);
  const [leaf, left] = [at(all, 0), at(all, 1)];
  const size = 2 ** 40 + 1;
  const found = await rootFrom(leaf, 2 ** 40, size, [left]);
  expect(hex(found ?? new Uint8Array())).toBe(hex(await node(left, leaf)));
});

test('a note is read as the size and the root that were signed', () => {
  expect(parseNote(NOTE)?.size).toBe(8);
  expect(hex(parseNote(NOTE)?.root ?? new Uint8Array())).toBe(ROOTS[8]);
  for (const wrong of [
    '',
    'a\n8',
    'a\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=',
    'a\n8\nXcna\n',
    '\n8\n=',
  ]) {
    expect(parseNote(wrong)).toBeNull();
  }
});

test('a record is proven by its own bytes, and a changed one is told', async () => {
  // The leaf inputs `3031` and others are text too.
  const all = await leaves(8);
  const { path } = await tree(all, 4);
  const claim: Claim = { seq: 4, line: '01', leaf: hex(at(all, 4)), hashes: path.map(hex), note: NOTE };
  expect(await check(claim)).toEqual({ fits: true, size: 8 });
  const why = async (change: Partial<Claim>) => {
    const verdict = await check({ ...claim, ...change });
    return verdict.fits ? '' : verdict.why;
  };
  expect(await why({ line: '02' })).toMatch('not the hash of this record');
  expect(await why({ line: '02', leaf: hex(await leafHash(bytes('3032'))) })).toMatch(
    'does not lead to the root',
  );
  expect(await why({ seq: 5 })).toMatch('does not lead to the root');
  expect(await why({ hashes: [] })).toMatch('does not lead to the root');
  expect(await why({ hashes: ['zz', ...claim.hashes.slice(1)] })).toMatch('proof cannot be read');
  expect(await why({ hashes: Array<string>(65).fill(claim.leaf) })).toMatch('proof cannot be read');
  expect(await why({ note: NOTE.replace('\n8\n', '\n80\n') })).toMatch('does not lead to the root');
  expect(await why({ note: 'no note' })).toMatch('checkpoint cannot be read');
});
