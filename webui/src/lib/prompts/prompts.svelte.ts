// The prompts of the workspace: the person's own, and those that others share in it.
import * as api from '../api/own';
import type { Prompt } from '../api/types';
import { later } from '../state/deeds';
import { Resource } from '../state/resource.svelte';

class Prompts extends Resource<Prompt[]> {
  constructor() {
    super(async () => sorted(await api.listPrompts()));
  }

  /** Makes a new one, or changes an old one. */
  async save(prompt: api.PromptText, old: Prompt | null): Promise<void> {
    if (old) {
      await api.updatePrompt(old.id, prompt);
      this.#put({ ...old, ...prompt });
    } else {
      this.#put(await api.createPrompt(prompt));
    }
  }

  delete(prompt: Prompt): void {
    this.value = this.value?.filter(({ id }) => id !== prompt.id) ?? null;
    later({
      said: `The prompt “${prompt.name}” was deleted.`,
      commit: (leaving) => api.deletePrompt(prompt.id, leaving),
      restore: () => this.#put(prompt),
    });
  }

  #put(prompt: Prompt): void {
    const rest = this.value?.filter(({ id }) => id !== prompt.id) ?? [];
    this.value = sorted([...rest, prompt]);
  }
}

function sorted(items: Prompt[]): Prompt[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name));
}

/** The prompts that the words after the slash mean; what begins with them comes first. */
export function matching(items: Prompt[], words: string): Prompt[] {
  const wanted = words.toLowerCase();
  const place = ({ name }: Prompt) => name.toLowerCase().indexOf(wanted);
  const hits = items.filter((prompt) => place(prompt) >= 0);
  return hits.sort((a, b) => Number(place(a) > 0) - Number(place(b) > 0));
}

export const prompts = new Prompts();
