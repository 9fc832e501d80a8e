// What the search dialog can lead to.
import type { ChatSummary, SearchHit } from '../api/types';
import { titleOf } from '../chat/title';

export interface Entry {
  key: string;
  path: string;
  title: string;
  time: string | null;
  snippet: { text: string; match: boolean }[];
}

const PLACES = [
  { path: '/chats', title: 'New chat' },
  { path: '/settings', title: 'Settings' },
  { path: '/help', title: 'Help and keyboard shortcuts' },
];

/** Pages whose name has the words; with none, just the way to a new chat. */
export function places(query: string): Entry[] {
  const words = query.toLowerCase();
  return PLACES.filter(({ title }, index) => (words ? title.toLowerCase().includes(words) : index === 0)).map(
    ({ path, title }) => ({ key: path, path, title, time: null, snippet: [] }),
  );
}

export function recent(chats: ChatSummary[], count = 8): Entry[] {
  return chats.slice(0, count).map((chat) => ({
    key: chat.id,
    path: `/chats/${chat.id}`,
    title: titleOf(chat),
    time: chat.updated_at,
    snippet: [],
  }));
}

export function found(hits: SearchHit[]): Entry[] {
  return hits.map(({ chat, message, snippet }, index) => ({
    key: `${index}-${chat.id}-${message ?? 'title'}`,
    path: `/chats/${chat.id}${message ? `#${message}` : ''}`,
    title: titleOf(chat),
    time: chat.updated_at,
    snippet: message ? snippet : [],
  }));
}
