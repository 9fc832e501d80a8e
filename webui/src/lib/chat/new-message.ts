// A message as the page knows it before it has read it from the appliance.
import type { Message } from '../api/types';
import { now } from '../state/clock';

export function newMessage(
  id: string,
  parent: string | null,
  role: Message['role'],
  content: string,
): Message {
  return { id, parent, role, content, status: 'done', created_at: now().toISOString() };
}
