// What a chat is called.
import type { ChatSummary } from '../api/types';

export function titleOf(chat: Pick<ChatSummary, 'title'> | null): string {
  return chat?.title.trim() || 'New chat';
}
