// What a slash at the beginning of a message offers.
import type { Prompt } from '../api/types';
import { matching } from './prompts.svelte';

export interface Choice {
  key: string;
  name: string;
  content: string;
  /** Null: opens the library. */
  insert: string | null;
}

const MOST = 30;
const LIBRARY: Choice = {
  key: 'library',
  name: 'Prompt library',
  content: 'Make, change or delete prompts',
  insert: null,
};

/** Nothing where the text is no search for a prompt, so that it can be sent as it is. */
export function choicesFor(text: string, items: Prompt[]): Choice[] {
  if (!text.startsWith('/') || text.includes('\n')) return [];
  const words = text.slice(1);
  const hits = matching(items, words).slice(0, MOST);
  if (hits.length === 0 && words !== '') return [];
  const found = hits.map(({ id, name, content }) => ({ key: id, name, content, insert: content }));
  return [...found, LIBRARY];
}
