// An answer's events out of a response body.
// A stream that breaks off before its `end` is an error: the caller then joins the answer again.
import { unreachable } from './http';
import { SseParser } from './sse';
import type { AnswerEvent } from './types';

const KNOWN = new Set(['start', 'queue', 'token', 'error', 'end']);

export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<AnswerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw unreachable();
      });
      if (done) throw unreachable();
      for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
        if (!KNOWN.has(event)) continue;
        yield { event, data: JSON.parse(data) } as AnswerEvent;
        if (event === 'end') return;
      }
    }
  } finally {
    // Also when the reader of these events leaves: the appliance goes on writing the answer without us.
    void reader.cancel().catch(() => {});
  }
}
