// Calls about one's own chats, and the streams of their answers.
import { json, send } from './http';
import { readEvents } from './stream';
import type { AnswerEvent, Chat, ChatSummary, Model, Page, SearchHit } from './types';

const chatPath = (id: string) => `/api/v1/chats/${encodeURIComponent(id)}`;

export function listChats(cursor?: string | null): Promise<Page<ChatSummary>> {
  const query = new URLSearchParams({ limit: '50' });
  if (cursor) query.set('cursor', cursor);
  return json(`/api/v1/chats?${query}`);
}

export function createChat(model?: string): Promise<Chat> {
  return json('/api/v1/chats', { method: 'POST', body: model ? { model } : {} });
}

export function findChat(id: string, signal?: AbortSignal): Promise<Chat> {
  return json(chatPath(id), signal ? { signal } : {});
}

export function updateChat(id: string, change: { title?: string; head?: string }): Promise<Chat> {
  return json(chatPath(id), { method: 'PATCH', body: change });
}

export async function deleteChat(id: string, keepalive = false): Promise<void> {
  await send(chatPath(id), { method: 'DELETE', keepalive });
}

export async function stopAnswer(id: string): Promise<void> {
  await send(`${chatPath(id)}/stop`, { method: 'POST' });
}

export async function listModels(): Promise<Model[]> {
  return (await json<Page<Model>>('/api/v1/models')).items;
}

export async function search(query: string, signal?: AbortSignal): Promise<SearchHit[]> {
  const path = `/api/v1/search?${new URLSearchParams({ q: query, limit: '20' })}`;
  return (await json<{ items: SearchHit[] }>(path, signal ? { signal } : {})).items;
}

/** A question: `parent` absent goes after the head of the chat, null makes it a new first question. */
export interface Question {
  content: string;
  parent?: string | null;
  model?: string;
}

export function ask(id: string, question: Question, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  return stream(`${chatPath(id)}/messages`, { method: 'POST', body: question, signal });
}

export function regenerate(id: string, message: string, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  const path = `${chatPath(id)}/messages/${encodeURIComponent(message)}/regenerate`;
  return stream(path, { method: 'POST', body: {}, signal });
}

/** Joins an answer that is being written; its text so far comes first. */
export function attach(id: string, message: string, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  return stream(`${chatPath(id)}/messages/${encodeURIComponent(message)}/events`, { signal });
}

export type ExportFormat = 'markdown' | 'json';

/** The export of a chat with the name that the appliance gave it. */
export async function exportChat(id: string, format: ExportFormat): Promise<{ name: string; blob: Blob }> {
  const response = await send(`${chatPath(id)}/export?format=${format}`, { accept: '*/*' });
  const named = /filename="?([^";]+)"?/.exec(response.headers.get('content-disposition') ?? '');
  const name = named?.[1] ?? `chat.${format === 'json' ? 'json' : 'md'}`;
  return { name, blob: await response.blob() };
}

async function* stream(
  path: string,
  options: { method?: 'GET' | 'POST'; body?: unknown; signal: AbortSignal },
): AsyncGenerator<AnswerEvent> {
  const response = await send(path, { ...options, accept: 'text/event-stream' });
  if (response.body) yield* readEvents(response.body);
}
