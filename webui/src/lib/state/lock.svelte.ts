// The lock: while it is on, the page's content is out of the document and the appliance refuses everything else.
import * as api from '../api/session';
import { ApiError } from '../api/http';
import { announcer } from './announcer.svelte';
import { proof } from './proof.svelte';
import { tabs } from './tabs';
import { toasts } from './toasts.svelte';

const LOOK_EVERY_MS = 1_000;
/** Other tabs are told of input at most this often. */
const TELL_EVERY_MS = 5_000;
const AGAIN_AFTER_MS = 2_000;

class Lock {
  on = $state(false);
  /** What must reach the appliance before it refuses everything. */
  before: () => Promise<void> = () => Promise.resolve();
  /** Seconds without input; 0 = never. */
  #after = 0;
  #lastInput = Date.now();
  #lastTold = 0;
  #lastCall = Date.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #waiting: ((open: boolean) => void)[] = [];

  /** Somebody is signed in: from now on the page locks itself after so many seconds without input. */
  arm(seconds: number): void {
    this.#after = seconds;
    this.#lastInput = Date.now();
    if (seconds > 0) this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Nobody is signed in any more. */
  disarm(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#release(false);
  }

  /** The appliance answered a call, from which its own clock of this session began anew. */
  called(): void {
    this.#lastCall = Date.now();
  }

  /** Somebody typed or pointed, here or in another tab. */
  input(here = true): void {
    this.#lastInput = Date.now();
    if (!here || this.#lastInput - this.#lastTold < TELL_EVERY_MS) return;
    this.#lastTold = this.#lastInput;
    tabs.say('active');
  }

  /** Hides the page at once and then tells the appliance, again and again while it does not answer. */
  async close(): Promise<void> {
    if (this.on) return;
    this.#hide();
    tabs.say('locked');
    await this.before();
    while (this.on) {
      try {
        return await api.lock();
      } catch (error) {
        if (error instanceof ApiError && error.status >= 400) return;
        await new Promise((done) => setTimeout(done, AGAIN_AFTER_MS));
      }
    }
  }

  /** The appliance says that the session is locked. The promise is kept when it is open again, or over (false). */
  closed(): Promise<boolean> {
    this.#hide();
    return new Promise((tell) => this.#waiting.push(tell));
  }

  async open(by: { password: string } | { code: string }): Promise<void> {
    await api.unlock(by);
    tabs.say('unlocked');
    this.#release(true);
  }

  /** Another tab locked or opened the session. */
  follow(word: 'locked' | 'unlocked'): void {
    if (word === 'locked') this.#hide();
    else this.#release(true);
  }

  #look(): void {
    const now = Date.now();
    const limit = this.#after * 1_000;
    if (now - this.#lastInput >= limit) void this.close();
    else if (!this.on && this.#lastInput > this.#lastCall && now - this.#lastCall >= limit / 3) {
      // Somebody writes a long text: the appliance, which counts calls, is to know that they are there.
      this.called();
      api.showMe().catch(() => {});
    }
  }

  #hide(): void {
    this.on = true;
    proof.cancel();
    // Both may hold words of a chat.
    toasts.clear();
    announcer.clear();
  }

  #release(open: boolean): void {
    this.on = false;
    this.#lastInput = Date.now();
    for (const tell of this.#waiting.splice(0)) tell(open);
  }
}

export const lock = new Lock();
