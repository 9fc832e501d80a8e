// Refusals of the sign-in in plain words. None of them says which part of a name and a password was wrong.
import { ApiError } from '../api/http';
import { duration, explain } from '../ui/errors';

export function refusal(error: unknown): string {
  if (error instanceof ApiError) {
    switch (error.code) {
      case 'sign_in_failed':
        return 'This name and password were not accepted.';
      case 'certificate_refused':
        // It says what is wrong with the certificate, which is nobody else's business and no secret to its holder.
        return error.problem.title;
      case 'code_refused':
        return 'The code was not accepted. Codes change every 30 seconds and each works once; check the clock of your phone.';
      case 'locked':
        return error.retryAfter === null
          ? 'Signing in is locked for a while after too many attempts. Ask an administrator if it is urgent.'
          : `Signing in is locked after too many attempts. Try again in ${duration(error.retryAfter)}, or ask an administrator.`;
      case 'invalid':
        return 'Check what you entered; something is missing or too long.';
    }
  }
  const { what, todo, requestId } = explain(error);
  return `${what} ${todo}${requestId ? ` (request ${requestId})` : ''}`;
}
