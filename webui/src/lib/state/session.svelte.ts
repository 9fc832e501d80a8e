// Who is signed in, and the way back to where one was when a session ends.
import * as api from '../api/session';
import { ApiError } from '../api/http';
import type { Appliance, Enrolment, Marking, Me, Permission, Role } from '../api/types';
import { setClock } from './clock';
import { leave } from './leave';
import { lock } from './lock.svelte';
import { proof } from './proof.svelte';
import { isOwnPath, router } from './router.svelte';
import { tabs } from './tabs';

// A word that this browser has signed in, so that a first visit need not ask for a session that cannot be there.
// No secret: the session itself is a cookie that the page cannot read.
const SIGNED_IN = 'redoubt-signed-in';

const HOME: Record<Role, string> = { analyst: '/chats', admin: '/admin/people', auditor: '/audit/records' };

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
  #lastWorkspace: string | null = null;

  /** The classification of what is shown: the workspace's own where it has one. */
  get marking(): Marking | null {
    return this.me?.workspace?.marking ?? this.appliance?.marking ?? null;
  }

  /** Analysts see nothing before they have chosen where to work. */
  get mustChooseWorkspace(): boolean {
    return this.me?.user.role === 'analyst' && this.me.workspace === null;
  }

  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  get home(): string {
    return this.me ? HOME[this.me.user.role] : '/sign-in';
  }

  /** At start: what the appliance is, and whether a session is still good. */
  async load(): Promise<void> {
    await this.meetAppliance();
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

  /** What the appliance shows to everybody: its marking, its notice, its clock. */
  async meetAppliance(): Promise<void> {
    this.appliance = await api.showAppliance();
    setClock(this.appliance.time);
  }

  /** After the second factor. */
  async begin(): Promise<void> {
    const [user, workspace] = [this.#lastUser, this.#lastWorkspace];
    const me = await this.#remember();
    const elsewhere = workspace !== null && me.workspace !== null && workspace !== me.workspace.id;
    if ((user !== null && user !== me.user.id) || elsewhere) {
      // Chats and drafts of somebody else, or of another workspace, may still be in memory: start from nothing.
      leave(HOME[me.user.role]);
      return;
    }
    this.enrolment = null;
    this.message = '';
    router.go(this.#returnTo ?? this.home, { replace: true });
    this.#returnTo = null;
  }

  /** Rights and figures may have changed since. */
  async refresh(): Promise<void> {
    this.me = await api.showMe();
  }

  /** Goes to a workspace. Coming from another one the page is loaded afresh, so that nothing of it stays. */
  async chooseWorkspace(id: string): Promise<void> {
    const before = this.#lastWorkspace;
    await this.beforeSignOut();
    await api.chooseWorkspace(id);
    if (before === null || before === id) {
      await this.#remember();
      return;
    }
    tabs.say('left');
    leave('/chats');
  }

  /** The appliance knows of no workspace for this session (any more): choose again, from nothing. */
  workspaceNeeded(): void {
    if (this.me?.workspace) leave('/chats');
  }

  async #remember(): Promise<Me> {
    const me = await api.showMe();
    this.#lastUser = me.user.id;
    this.#lastWorkspace = me.workspace?.id ?? this.#lastWorkspace;
    localStorage.setItem(SIGNED_IN, '');
    this.me = me;
    lock.arm(me.session.lock_seconds);
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
    proof.cancel();
    lock.disarm();
    if (router.route.name !== 'sign-in') this.askToSignIn();
  }

  /** Ends the session here and there. The page is loaded afresh, so that nothing stays in its memory. */
  async signOut(): Promise<void> {
    // A locked session takes nothing more; what waited was done when it was locked.
    if (!lock.on) await this.beforeSignOut();
    await api.signOut();
    localStorage.removeItem(SIGNED_IN);
    tabs.say('left');
    leave('/sign-in?signed-out');
  }
}

export const session = new Session();
