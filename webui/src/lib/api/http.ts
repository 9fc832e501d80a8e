// One way to the appliance: same origin, JSON in and out, every failure an ApiError.
import type { Problem } from './types';

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(readonly problem: Problem) {
    super(problem.title);
  }

  /** Seconds to wait before the next try, where the appliance said so. */
  get retryAfter(): number | null {
    return this.problem.retry_after ?? null;
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** Told of every answer or its absence: the one place that knows of a lost session or a lost connection. */
export interface Watcher {
  reached(): void;
  unreachable(): void;
  sessionEnded(error: ApiError): void;
  workspaceNeeded(): void;
  /** The session is locked. True once it is open again: then the call is repeated. */
  unlocked(): Promise<boolean>;
  /** The appliance wants password and code anew. True once it has them: then the call is repeated. */
  proved(): Promise<boolean>;
}

const NOBODY: Watcher = {
  reached() {},
  unreachable() {},
  sessionEnded() {},
  workspaceNeeded() {},
  unlocked: () => Promise.resolve(false),
  proved: () => Promise.resolve(false),
};

let watcher = NOBODY;

export function watch(next: Partial<Watcher>): void {
  watcher = { ...NOBODY, ...next };
}

export interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  accept?: string;
  signal?: AbortSignal;
  /** Survives the page, for what must not get lost on leaving it. */
  keepalive?: boolean;
}

const SESSION_CODES = new Set(['not_signed_in', 'session_expired']);

export async function send(path: string, options: Options = {}): Promise<Response> {
  for (;;) {
    const response = await request(path, options);
    if (response.ok) return response;
    const error = await failure(response);
    if (!(await isCleared(error)) || options.signal?.aborted) throw error;
  }
}

/** Whether what stood in the way of a call is gone, so that it may be made once more. */
async function isCleared(error: ApiError): Promise<boolean> {
  if (error.code === 'session_locked') return watcher.unlocked();
  if (error.code === 'proof_needed') return watcher.proved();
  if (error.code === 'workspace_needed') watcher.workspaceNeeded();
  if (error.status === 401 && SESSION_CODES.has(error.code)) watcher.sessionEnded(error);
  return false;
}

async function request(path: string, options: Options): Promise<Response> {
  const { method = 'GET', body, accept = 'application/json', signal, keepalive = false } = options;
  const headers: Record<string, string> = { accept };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      keepalive,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    watcher.unreachable();
    throw unreachable();
  }
  watcher.reached();
  return response;
}

export async function json<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  return (await response.json()) as T;
}

/** The error for an answer that never came or broke off. */
export function unreachable(): ApiError {
  return new ApiError({ status: 0, code: 'unreachable', title: 'The appliance does not answer.' });
}

async function failure(response: Response): Promise<ApiError> {
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  let problem: Problem = {
    status: response.status,
    code: 'unknown',
    title: `The appliance answered with status ${response.status}.`,
    retry_after: Number.isFinite(seconds) ? seconds : null,
  };
  try {
    problem = { ...problem, ...((await response.json()) as Partial<Problem>) };
  } catch {
    // Not JSON (a proxy's page, say): the status is all there is to tell.
  }
  return new ApiError(problem);
}
