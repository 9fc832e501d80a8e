// What an error means for the person and what to do about it, by the appliance's stable codes.
import { ApiError } from '../api/http';

export interface Explanation {
  what: string;
  todo: string;
  requestId: string | null;
}

/** What the appliance's own sentence leaves open. */
const ADVICE: Record<string, string> = {
  unreachable: 'Check the network cable or ask your operator. Nothing that you sent before is lost.',
  forbidden: 'Ask an administrator if you need it.',
  not_found: 'It may have been deleted, or it is not yours.',
  too_large: 'Shorten it, or send it in parts.',
  context_exceeded: 'Shorten it, or send it in parts.',
  proof_needed: 'Nothing was changed, because you did not confirm it.',
  internal: 'If it happens again, tell your operator the number below.',
};

export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiError)) {
    return {
      what: 'Something in this page went wrong.',
      todo: 'Load the page again. If it stays, tell your operator what you did.',
      requestId: null,
    };
  }
  const { code, title, request_id } = error.problem;
  const todo = [ADVICE[code]];
  if (error.retryAfter !== null) todo.push(`Try again in ${duration(error.retryAfter)}.`);
  return { what: title, todo: todo.filter(Boolean).join(' '), requestId: request_id ?? null };
}

/** Seconds in words: "40 seconds", "15 minutes". */
export function duration(seconds: number): string {
  const [count, unit] =
    seconds < 90
      ? [Math.max(1, Math.ceil(seconds)), 'second']
      : seconds < 5400
        ? [Math.ceil(seconds / 60), 'minute']
        : [Math.ceil(seconds / 3600), 'hour'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
