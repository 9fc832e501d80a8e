// What was typed and not sent, by chat. In memory only: words at rest belong into the appliance's encrypted store.

const drafts = new Map<string, string>();

export function hasDrafts(): boolean {
  return drafts.size > 0;
}

export function draftOf(chat: string | null): string {
  return drafts.get(chat ?? '') ?? '';
}

export function keepDraft(chat: string | null, text: string): void {
  if (text) drafts.set(chat ?? '', text);
  else drafts.delete(chat ?? '');
}
