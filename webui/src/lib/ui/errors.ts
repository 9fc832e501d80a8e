// What an error means for the person and what to do about it, by the appliance's stable codes.
import { ApiError } from '../api/http';

export interface Explanation {
  what: string;
  todo: string;
  requestId: string | null;
}

const TODO: Record<string, string> = {
  unreachable: 'Check the network cable or ask your operator. Nothing that you sent before is lost.',
  forbidden: 'Your role does not include this. Ask an administrator if you need it.',
  not_found: 'It may have been deleted. Go back to your chats.',
  too_large: 'Shorten it, or send it in parts.',
  context_exceeded: 'Shorten your message, or send it in parts.',
  invalid: 'Check what you entered.',
  busy: 'All places are taken at the moment.',
  quota: 'Your share for now is used up.',
  audit_unavailable: 'The appliance could not write its audit record, so it did nothing.',
};

const WHAT: Record<string, string> = {
  unreachable: 'The appliance does not answer.',
  forbidden: 'You may not do this.',
  not_found: 'This does not exist, or it is not yours.',
  too_large: 'This is too large for the appliance.',
  context_exceeded: 'This message is too long for the model.',
  busy: 'The appliance is busy.',
  quota: 'Your quota is reached.',
  audit_unavailable: 'The appliance cannot keep its records right now.',
};

export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiError)) {
    return {
      what: 'Something in this page went wrong.',
      todo: 'Load the page again. If it stays, tell your operator what you did.',
      requestId: null,
    };
  }
  const { code, title, request_id, status } = error.problem;
  let todo =
    TODO[code] ?? (status >= 500 ? 'Try again. If it stays, tell your operator the number below.' : '');
  if (error.retryAfter !== null) todo = `${todo} Try again in ${duration(error.retryAfter)}.`.trim();
  return { what: WHAT[code] ?? title, todo, requestId: request_id ?? null };
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
