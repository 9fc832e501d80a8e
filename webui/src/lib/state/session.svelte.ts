// Who is signed in, and the way back to where one was when a session ends.
import * as api from '../api/session';
import { ApiError } from '../api/http';
import type { Appliance, Enrolment, Me, Role } from '../api/types';
import { setClock } from './clock';
import { isOwnPath, router } from './router.svelte';

// A word that this browser has signed in, so that a first visit need not ask for a session that cannot be there.
// No secret: the session itself is a cookie that the page cannot read.
const SIGNED_IN = 'redoubt-signed-in';

const HOME: Record<Role, string> = { analyst: '/chats', admin: '/settings', auditor: '/audit' };

class Session {
  appliance = $state.raw<Appliance | null>(null);
  me = $state.raw<Me | null>(null);
  /** A sign-in under way whose person has no code yet. */
  enrolment = $state.raw<Enrolment | null>(null);
  /** Why the sign-in page is shown, when that needs saying. */
  message = $state('');
  /** What must still reach the appliance while the session lasts. */
  beforeSignOut: () => Promise<void> = () => Promise.resolve();
  #returnTo: string | null = null;
  #lastUser: string | null = null;

  get home(): string {
    return this.me ? HOME[this.me.user.role] : '/sign-in';
  }

  /** At start: what the appliance is, and whether a session is still good. */
  async load(): Promise<void> {
    this.appliance = await api.showAppliance();
    setClock(this.appliance.time);
    const atTheDoor = ['home', 'sign-in'].includes(router.route.name);
    if (atTheDoor && localStorage.getItem(SIGNED_IN) === null) return;
    try {
      await this.#remember();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      // A first visit is no lost session: nothing needs explaining.
      this.message = '';
    }
  }

  /** After the second factor. */
  async begin(): Promise<void> {
    const before = this.#lastUser;
    const me = await this.#remember();
    if (before !== null && before !== me.user.id) {
      // Somebody else's chats and drafts may still be in memory: start from nothing.
      location.assign(HOME[me.user.role]);
      return;
    }
    this.enrolment = null;
    this.message = '';
    router.go(this.#returnTo ?? this.home, { replace: true });
    this.#returnTo = null;
  }

  async #remember(): Promise<Me> {
    const me = await api.showMe();
    this.#lastUser = me.user.id;
    localStorage.setItem(SIGNED_IN, '');
    this.me = me;
    return me;
  }

  /** Nobody is signed in: keep the place that was asked for. */
  askToSignIn(): void {
    const path = location.pathname + location.hash;
    if (isOwnPath(path) && !['home', 'sign-in', 'enrol'].includes(router.route.name)) this.#returnTo = path;
    router.go('/sign-in', { replace: true });
  }

  /** The appliance no longer knows the session: keep the place, ask to sign in again. */
  ended(error: ApiError): void {
    if (this.me) {
      this.message =
        error.code === 'session_expired'
          ? 'Your session has expired. Sign in again and you are back where you were.'
          : 'Your session was ended. Sign in again and you are back where you were.';
    } else if (error.code === 'session_expired' && !this.message) {
      this.message = 'That took too long. Please sign in again.';
    }
    this.me = null;
    this.enrolment = null;
    localStorage.removeItem(SIGNED_IN);
    if (router.route.name !== 'sign-in') this.askToSignIn();
  }

  /** Ends the session here and there. The page is loaded afresh, so that nothing stays in its memory. */
  async signOut(): Promise<void> {
    await this.beforeSignOut();
    await api.signOut();
    localStorage.removeItem(SIGNED_IN);
    location.assign('/sign-in?signed-out');
  }
}

export const session = new Session();
