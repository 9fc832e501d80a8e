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
] as const;

export type AdminPart = (typeof ADMIN_PARTS)[number];
/** Those whose items have pages of their own. */
const WITH_ITEMS: readonly AdminPart[] = ['people', 'groups', 'workspaces'];

export interface Route {
  name: RouteName;
  /** The chat of `/chats/:id`. */
  chat: string | null;
  /** Of `/admin/people/:id`: which page, and which item if any. */
  admin: { part: AdminPart; item: string | null } | null;
}

const PAGES: Record<string, RouteName> = {
  '/': 'home',
  '/sign-in': 'sign-in',
  '/enrol': 'enrol',
  '/chats': 'chats',
  '/settings': 'settings',
  '/audit': 'audit',
  '/audit/holds': 'audit',
  '/audit/purges': 'audit',
  '/help': 'help',
};

export function match(path: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  const page = Object.hasOwn(PAGES, trimmed) ? PAGES[trimmed] : undefined;
  if (page) return { name: page, chat: null, admin: null };
  const chat = /^\/chats\/([A-Za-z0-9-]{1,64})$/.exec(trimmed);
  if (chat) return { name: 'chats', chat: chat[1] ?? null, admin: null };
  const admin = matchAdmin(trimmed);
  return { name: admin ? 'admin' : 'unknown', chat: null, admin };
}

function matchAdmin(path: string): Route['admin'] {
  if (path === '/admin') return { part: 'people', item: null };
  const [, name, item] = /^\/admin\/([a-z]+)(?:\/([A-Za-z0-9-]{1,64}))?$/.exec(path) ?? [];
  const part = ADMIN_PARTS.find((known) => known === name);
  if (!part || (item !== undefined && !WITH_ITEMS.includes(part))) return null;
  return { part, item: item ?? null };
}

/** Only a path of this page may be gone to after signing in. */
export function isOwnPath(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && match(path.split(/[?#]/)[0] ?? '').name !== 'unknown';
}

class Router {
  path = $state(location.pathname);
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
