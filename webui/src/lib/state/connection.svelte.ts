// Whether the appliance answers. Judged by requests only: `navigator.onLine` means the internet on some systems,
// and there is none here.
import { showAppliance } from '../api/session';

const FIRST_WAIT = 2_000;
const LONGEST_WAIT = 30_000;

class Connection {
  lost = $state(false);
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;

  reached(): void {
    this.lost = false;
    this.#wait = FIRST_WAIT;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  unreachable(): void {
    this.lost = true;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.retry(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  retry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The outcome comes back through reached() and unreachable().
    showAppliance().catch(() => {});
  }
}

export const connection = new Connection();
