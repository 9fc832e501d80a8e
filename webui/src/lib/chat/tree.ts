// A chat is a tree: every edit and every new answer is a branch beside the old one.
// Messages come in the order in which they were made; brothers keep it.
import type { Message } from '../api/types';

/** The messages from the first question to `head`. */
export function pathTo(messages: Message[], head: string | null): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const path: Message[] = [];
  const seen = new Set<string>();
  for (let id = head; id !== null && !seen.has(id);) {
    const message = byId.get(id);
    if (!message) break;
    seen.add(id);
    path.unshift(message);
    id = message.parent;
  }
  return path;
}

/** The last message of the newest branch below `id`, which may be `id` itself. */
export function newestLeaf(messages: Message[], id: string): string {
  let leaf = id;
  const seen = new Set([id]);
  for (;;) {
    const child = messages.filter(({ parent }) => parent === leaf).at(-1);
    if (!child || seen.has(child.id)) return leaf;
    seen.add(child.id);
    leaf = child.id;
  }
}

export interface Versions {
  /** Ids of all versions, the oldest first. */
  ids: string[];
  /** Where the message stands among them, from 0. */
  index: number;
}

export function versionsOf(messages: Message[], message: Message): Versions {
  const ids = messages
    .filter(({ parent, role }) => parent === message.parent && role === message.role)
    .map(({ id }) => id);
  return { ids, index: ids.indexOf(message.id) };
}

/** Tokens that the path up to its last finished answer takes up. */
export function contextUsed(path: Message[]): number | null {
  const usage = path.filter((message) => message.usage).at(-1)?.usage;
  return usage ? usage.prompt_tokens + usage.completion_tokens : null;
}
