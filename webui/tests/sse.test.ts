// Events out of text that arrives cut anywhere.
import { describe, expect, test } from 'vitest';
import { SseParser } from '../src/lib/api/sse';
import { readEvents } from '../src/lib/api/stream';

const STREAM =
  ': hello\n\nevent: start\ndata: {"question":"q","answer":"ä"}\n\nevent:token\r\ndata: {"text":"a b"}\r\n\r\n' +
  'event: token\rdata: one\rdata: two\r\rid: 7\nretry: 10\ndata\n\nevent: end\ndata: {}\n\n';

const EVENTS = [
  { event: 'start', data: '{"question":"q","answer":"ä"}' },
  { event: 'token', data: '{"text":"a b"}' },
  { event: 'token', data: 'one\ntwo' },
  { event: 'message', data: '' },
  { event: 'end', data: '{}' },
];

describe('parser', () => {
  test('reads a stream in one piece', () => {
    expect(new SseParser().push(STREAM)).toEqual(EVENTS);
  });

  test.each([1, 2, 3, 5, 11])('reads it in pieces of %i', (size) => {
    const parser = new SseParser();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...parser.push(STREAM.slice(at, at + size)));
    expect(found).toEqual(EVENTS);
  });

  test('cuts at any place change nothing', () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const parser = new SseParser();
      const found = [...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))];
      expect(found).toEqual(EVENTS);
    }
  });

  test('an event without its empty line is not an event yet', () => {
    expect(new SseParser().push('event: token\ndata: x\n')).toEqual([]);
  });
});

function body(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function collect(stream: ReadableStream<Uint8Array>) {
  const events = [];
  for await (const event of readEvents(stream)) events.push(event);
  return events;
}

describe('answers', () => {
  const bytes = new TextEncoder().encode(
    'event: token\ndata: {"text":"für 😀"}\n\nevent: surprise\ndata: {}\n\nevent: end\ndata: {"status":"done"}\n\n',
  );

  test('characters may be cut in their middle', async () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(await collect(body(bytes.slice(0, cut), bytes.slice(cut)))).toEqual([
        { event: 'token', data: { text: 'für 😀' } },
        { event: 'end', data: { status: 'done' } },
      ]);
    }
  });

  test('a stream that breaks off says so', async () => {
    await expect(collect(body(bytes.slice(0, 40)))).rejects.toMatchObject({ code: 'unreachable' });
  });
});
