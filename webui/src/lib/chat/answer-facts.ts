// How an answer came about, in a few figures.
import type { Message } from '../api/types';

export function answerFacts({ model, usage, elapsed_ms }: Message): string {
  const facts: string[] = [];
  if (model) facts.push(model);
  if (usage) facts.push(`${usage.completion_tokens.toLocaleString()} tokens`);
  if (usage && elapsed_ms) {
    facts.push(`${((usage.completion_tokens * 1000) / elapsed_ms).toFixed(1)} tokens/s`);
  }
  if (elapsed_ms) facts.push(`${(elapsed_ms / 1000).toFixed(1)} s`);
  return facts.join(' · ');
}
