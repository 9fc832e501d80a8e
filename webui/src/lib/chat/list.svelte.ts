// The person's chats, newest first, as the sidebar shows them.
import * as api from '../api/chats';
import type { ChatSummary } from '../api/types';
import { now } from '../state/clock';
import { toasts } from '../state/toasts.svelte';
import { UndoQueue } from '../state/undo';
import { explain } from '../ui/errors';
import { period, type Period } from '../ui/time';

export const UNDO_MS = 10_000;

export interface Group {
  period: Period;
  chats: ChatSummary[];
}

export function groupByPeriod(chats: ChatSummary[], today = now()): Group[] {
  const groups: Group[] = [];
  for (const chat of chats) {
    const name = period(chat.updated_at, today);
    const group = groups.find((known) => known.period === name);
    if (group) group.chats.push(chat);
    else groups.push({ period: name, chats: [chat] });
  }
  return groups;
}

class ChatList {
  items = $state.raw<ChatSummary[]>([]);
  next = $state<string | null>(null);
  phase = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state.raw<unknown>(null);
  #deleted = new Set<string>();
  readonly undo = new UndoQueue(UNDO_MS);

  async load(): Promise<void> {
    this.phase = 'loading';
    try {
      const page = await api.listChats();
      this.items = this.#visible(page.items);
      this.next = page.next;
      this.phase = 'ready';
    } catch (error) {
      this.error = error;
      this.phase = 'failed';
    }
  }

  async more(): Promise<void> {
    try {
      const page = await api.listChats(this.next);
      const known = new Set(this.items.map(({ id }) => id));
      this.items = [...this.items, ...this.#visible(page.items).filter(({ id }) => !known.has(id))];
      this.next = page.next;
    } catch (error) {
      toasts.show(explain(error).what);
    }
  }

  /** A chat that was made, renamed or written in. */
  put(chat: ChatSummary): void {
    const rest = this.items.filter(({ id }) => id !== chat.id);
    this.items = [chat, ...rest].sort((a, b) => Date.parse(b.updated_at) - Date.parse(a.updated_at));
  }

  async rename(chat: ChatSummary, title: string): Promise<ChatSummary> {
    const saved = await api.updateChat(chat.id, { title });
    const renamed = { ...chat, title: saved.title, updated_at: saved.updated_at };
    this.put(renamed);
    return renamed;
  }

  /** Takes the chat out of sight at once and deletes it when the time for undoing is over. */
  delete(chat: ChatSummary): void {
    this.items = this.items.filter(({ id }) => id !== chat.id);
    this.#deleted.add(chat.id);
    const id = this.undo.schedule((leaving) => this.#commit(chat, leaving));
    const restore = () => {
      if (!this.undo.undo(id)) return;
      this.#restore(chat);
      toasts.show(`“${chat.title}” is back.`);
    };
    toasts.show(`“${chat.title}” was deleted.`, { action: { label: 'Undo', run: restore }, for: UNDO_MS });
  }

  async #commit(chat: ChatSummary, leaving: boolean): Promise<void> {
    try {
      await api.deleteChat(chat.id, leaving);
    } catch (error) {
      this.#restore(chat);
      toasts.show(`“${chat.title}” could not be deleted. ${explain(error).what}`);
    }
  }

  #restore(chat: ChatSummary): void {
    this.#deleted.delete(chat.id);
    this.put(chat);
  }

  #visible(items: ChatSummary[]): ChatSummary[] {
    return items.filter(({ id }) => !this.#deleted.has(id));
  }
}

export const chats = new ChatList();
