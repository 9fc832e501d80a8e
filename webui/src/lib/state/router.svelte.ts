// Where the person is: real paths, the browser's own history, and a table of pages.

export type RouteName =
  'home' | 'sign-in' | 'enrol' | 'chats' | 'settings' | 'admin' | 'audit' | 'help' | 'unknown';

/** The pages under `/admin/`. */
export const ADMIN_PARTS = [
  'people',
  'groups',
  'workspaces',
  'retention',
  'purges',
  'models',
  'mappings',
  'directory',
  'usage',
  'alerts',
  'sessions',
  'system',
  'checkpoint',
] as const;

export type AdminPart = (typeof ADMIN_PARTS)[number];
/** Those whose items have pages of their own. */
const WITH_ITEMS: readonly AdminPart[] = ['people', 'groups', 'workspaces'];

/** The pages under `/audit/`. */
export const AUDIT_PARTS = ['records', 'checkpoints', 'exports', 'holds', 'purges'] as const;

export type AuditPart = (typeof AUDIT_PARTS)[number];
/** Those of which each item, a number, has a page of its own. */
const WITH_NUMBERS: readonly AuditPart[] = ['records', 'checkpoints'];

export interface Route {
  name: RouteName;
  /** The chat of `/chats/:id`. */
  chat: string | null;
  /** Of `/admin/people/:id`: which page, and which item if any. */
  admin: { part: AdminPart; item: string | null } | null;
  /** Of `/audit/records/:number`. */
  audit: { part: AuditPart; item: string | null } | null;
  /** The page of the manual, of `/help/:page`. */
  help: string | null;
}

const PAGES: Record<string, RouteName> = {
  '/': 'home',
  '/sign-in': 'sign-in',
  '/enrol': 'enrol',
  '/chats': 'chats',
  '/settings': 'settings',
  '/help': 'help',
};

const NOWHERE: Route = { name: 'unknown', chat: null, admin: null, audit: null, help: null };

export function match(path: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  const page = Object.hasOwn(PAGES, trimmed) ? PAGES[trimmed] : undefined;
  if (page) return { ...NOWHERE, name: page };
  const chat = /^\/chats\/([A-Za-z0-9-]{1,64})$/.exec(trimmed);
  if (chat) return { ...NOWHERE, name: 'chats', chat: chat[1] ?? null };
  const help = /^\/help\/([a-z]{1,32})$/.exec(trimmed);
  if (help) return { ...NOWHERE, name: 'help', help: help[1] ?? null };
  const admin = matchAdmin(trimmed);
  if (admin) return { ...NOWHERE, name: 'admin', admin };
  const audit = matchAudit(trimmed);
  return audit ? { ...NOWHERE, name: 'audit', audit } : NOWHERE;
}

function matchAdmin(path: string): Route['admin'] {
  if (path === '/admin') return { part: 'people', item: null };
  const [, name, item] = /^\/admin\/([a-z]+)(?:\/([A-Za-z0-9-]{1,64}))?$/.exec(path) ?? [];
  const part = ADMIN_PARTS.find((known) => known === name);
  if (!part || (item !== undefined && !WITH_ITEMS.includes(part))) return null;
  return { part, item: item ?? null };
}

function matchAudit(path: string): Route['audit'] {
  if (path === '/audit') return { part: 'records', item: null };
  const [, name, item] = /^\/audit\/([a-z]+)(?:\/(\d{1,16}))?$/.exec(path) ?? [];
  const part = AUDIT_PARTS.find((known) => known === name);
  if (!part || (item !== undefined && !WITH_NUMBERS.includes(part))) return null;
  return { part, item: item ?? null };
}

/** Only a path of this page may be gone to after signing in. */
export function isOwnPath(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && match(path.split(/[?#]/)[0] ?? '').name !== 'unknown';
}

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  hash = $state(location.hash);
  /** Counts movements, so that a page can react to being gone to again. */
  visits = $state(0);
  route = $derived(match(this.path));

  start(): void {
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#onClick(event));
  }

  go(path: string, { replace = false } = {}): void {
    if (path !== location.pathname + location.search + location.hash) {
      history[replace ? 'replaceState' : 'pushState'](null, '', path);
    }
    this.#read();
  }

  #read(): void {
    this.path = location.pathname;
    this.search = location.search;
    this.hash = location.hash;
    this.visits++;
  }

  #onClick(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.origin !== location.origin || link.hasAttribute('download')) return;
    // Links within the page (the skip link) stay the browser's.
    if (link.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  }
}

export const router = new Router();
