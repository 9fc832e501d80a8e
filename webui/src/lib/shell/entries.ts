// What the search dialog can lead to.
import type { Person } from '../api/admin-types';
import type { ChatSummary, Role, SearchHit } from '../api/types';
import { titleOf } from '../chat/title';
import { pagesOf, type PageLink } from './pages';

export interface Entry {
  key: string;
  path: string;
  title: string;
  time: string | null;
  snippet: { text: string; match: boolean }[];
}

const NEW_CHAT: PageLink = { path: '/chats', label: 'New chat', icon: 'plus' };

/** Pages whose name has the words; with none, what one most likely wants: a new chat, or the list of pages. */
export function places(query: string, role: Role): Entry[] {
  const words = query.toLowerCase();
  const all = role === 'analyst' ? [NEW_CHAT, ...pagesOf(role)] : pagesOf(role);
  const wanted =
    words || role !== 'analyst' ? all.filter(({ label }) => label.toLowerCase().includes(words)) : [NEW_CHAT];
  return wanted.map(({ path, label }) => ({ key: path, path, title: label, time: null, snippet: [] }));
}

export function people(found: Person[]): Entry[] {
  return found.map(({ id, username, display_name }) => ({
    key: id,
    path: `/admin/people/${id}`,
    title: username,
    time: null,
    snippet: display_name ? [{ text: display_name, match: false }] : [],
  }));
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
