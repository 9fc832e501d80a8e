// A chat from question to answer, over a scripted appliance.
import { flushSync } from 'svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Chat, Message } from '../src/lib/api/types';
import { Conversation } from '../src/lib/chat/conversation.svelte';

type Answer = (init: RequestInit & { body?: string }) => Response | Promise<Response>;

const calls: { method: string; path: string; body: unknown }[] = [];
let answers: Record<string, Answer[]> = {};

/** The answers to one call, in turn; the last one stays. */
function on(route: string, ...given: Answer[]) {
  answers[route] = given;
}

const json =
  (value: unknown, status = 200): Answer =>
  () =>
    new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });

function events(...list: [string, unknown][]): Answer {
  const text = list.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
  return () => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
}

const END = { status: 'done', finish_reason: 'stop', usage: null };
const CHAT: Chat = {
  id: 'c1',
  title: '',
  model: 'm',
  head: null,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  messages: [],
};

function message(id: string, parent: string | null, more: Partial<Message> = {}): Message {
  const role = id.startsWith('q') ? 'user' : 'assistant';
  return { id, parent, role, content: id, status: 'done', created_at: CHAT.created_at, ...more };
}

beforeEach(() => {
  calls.length = 0;
  answers = {};
  vi.stubGlobal('fetch', (path: string, init: RequestInit & { method: string; body?: string }) => {
    calls.push({ method: init.method, path, body: init.body ? JSON.parse(init.body) : undefined });
    const list = answers[`${init.method} ${path}`] ?? [];
    const answer = list.length > 1 ? list.shift() : list[0];
    if (!answer) throw new TypeError(`nothing answers ${init.method} ${path}`);
    return Promise.resolve(answer(init));
  });
});

const settled = (conversation: Conversation) =>
  vi.waitFor(() => expect(conversation.busy).toBe(false), 5_000);

test('a first question makes the chat, then the answer grows in it', async () => {
  on('POST /api/v1/chats', json(CHAT, 201));
  on(
    'POST /api/v1/chats/c1/messages',
    events(
      ['start', { question: 'q1', answer: 'a1', dropped_turns: 0, title: 'Hello' }],
      ['token', { text: 'Hi ' }],
      ['token', { text: 'there' }],
      ['end', END],
    ),
  );
  const created = vi.fn();
  const conversation = new Conversation(created);
  expect(await conversation.ask('hello')).toBe(true);
  await settled(conversation);
  flushSync();
  expect(created).toHaveBeenCalledWith('c1');
  expect(conversation.chat?.title).toBe('Hello');
  expect(conversation.path.map(({ content }) => content)).toEqual(['hello', 'Hi there']);
  expect(calls.at(-1)?.body).toEqual({ content: 'hello', parent: null, model: 'm' });
});

test('a refused question is not taken and says why', async () => {
  on('POST /api/v1/chats', json(CHAT, 201));
  on('POST /api/v1/chats/c1/messages', json({ status: 422, code: 'context_exceeded', title: 'x' }, 422));
  const conversation = new Conversation(() => {});
  expect(await conversation.ask('long')).toBe(false);
  expect(conversation.refusal).toMatchObject({ code: 'context_exceeded' });
  expect(conversation.path).toEqual([]);
  // The second try uses the chat that the first one made.
  await conversation.ask('shorter');
  expect(calls.filter(({ path }) => path === '/api/v1/chats').length).toBe(1);
});

test('a broken stream is joined again and drawn once', async () => {
  on(
    'GET /api/v1/chats/c1',
    json({ ...CHAT, messages: [message('q1', null), message('a1', 'q1')], head: 'a1' }),
  );
  on(
    'POST /api/v1/chats/c1/messages',
    events(['start', { question: 'q2', answer: 'a2' }], ['token', { text: 'Once ' }]),
  );
  on(
    'GET /api/v1/chats/c1/messages/a2/events',
    events(
      ['start', { question: 'q2', answer: 'a2' }],
      ['token', { text: 'Once upon ' }],
      ['token', { text: 'a time' }],
      ['end', END],
    ),
  );
  const conversation = new Conversation(() => {});
  await conversation.open('c1');
  await conversation.ask('tell');
  await settled(conversation);
  expect(conversation.path.at(-1)).toMatchObject({
    id: 'a2',
    parent: 'q2',
    content: 'Once upon a time',
    status: 'done',
  });
});

test('opening a chat joins the answer that is being written', async () => {
  const messages = [message('q1', null), message('a1', 'q1', { content: '', status: 'streaming' })];
  on('GET /api/v1/chats/c1', json({ ...CHAT, messages, head: 'a1' }));
  on(
    'GET /api/v1/chats/c1/messages/a1/events',
    events(['token', { text: 'So far and ' }], ['token', { text: 'on' }], ['end', END]),
  );
  const conversation = new Conversation(() => {});
  await conversation.open('c1');
  expect(conversation.path.at(-1)).toMatchObject({ content: 'So far and on', status: 'done' });
});

test('an answer that ended meanwhile is shown as it was kept', async () => {
  const streaming = [message('q1', null), message('a1', 'q1', { content: '', status: 'streaming' })];
  const kept = [message('q1', null), message('a1', 'q1', { content: 'kept', status: 'stopped' })];
  on(
    'GET /api/v1/chats/c1',
    json({ ...CHAT, messages: streaming, head: 'a1' }),
    json({ ...CHAT, messages: kept, head: 'a1' }),
  );
  on('GET /api/v1/chats/c1/messages/a1/events', json({ status: 404, code: 'not_found', title: 'x' }, 404));
  const conversation = new Conversation(() => {});
  await conversation.open('c1');
  expect(conversation.path.at(-1)).toMatchObject({ content: 'kept', status: 'stopped' });
});

test('a failed answer keeps its problem', async () => {
  const problem = { status: 503, code: 'busy', title: 'The model stopped.', request_id: 'r' };
  on('POST /api/v1/chats', json(CHAT, 201));
  on(
    'POST /api/v1/chats/c1/messages',
    events(
      ['start', { question: 'q1', answer: 'a1' }],
      ['error', { problem }],
      ['end', { ...END, status: 'failed', finish_reason: 'error' }],
    ),
  );
  const conversation = new Conversation(() => {});
  await conversation.ask('x');
  await settled(conversation);
  expect(conversation.path.at(-1)?.status).toBe('failed');
  expect(conversation.problems['a1']).toEqual(problem);
});

test('another version is shown down to its end and remembered', async () => {
  const messages = [
    message('q1', null),
    message('a1', 'q1'),
    message('q2', 'a1'),
    message('a2', 'q2'),
    message('q3', null),
    message('a3', 'q3'),
  ];
  on('GET /api/v1/chats/c1', json({ ...CHAT, messages, head: 'a3' }));
  on('PATCH /api/v1/chats/c1', json(CHAT));
  const conversation = new Conversation(() => {});
  await conversation.open('c1');
  await conversation.showVersion(messages[4] as Message, -1);
  expect(conversation.path.map(({ id }) => id)).toEqual(['q1', 'a1', 'q2', 'a2']);
  expect(calls.at(-1)).toMatchObject({ method: 'PATCH', body: { head: 'a2' } });
  await conversation.showVersion(messages[0] as Message, -1);
  expect(conversation.head).toBe('a2');
});

test('an edited question goes beside the old one', async () => {
  const messages = [message('q1', null), message('a1', 'q1')];
  on('GET /api/v1/chats/c1', json({ ...CHAT, messages, head: 'a1' }));
  on('POST /api/v1/chats/c1/messages', events(['start', { question: 'q2', answer: 'a2' }], ['end', END]));
  const conversation = new Conversation(() => {});
  await conversation.open('c1');
  await conversation.ask('other', null);
  await settled(conversation);
  expect(conversation.path.map(({ id }) => id)).toEqual(['q2', 'a2']);
  expect(calls.at(-1)?.body).toMatchObject({ parent: null });
});
