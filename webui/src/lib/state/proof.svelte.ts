// Password and code once more, before what must not be done by somebody who merely found an open page.
// Several calls may be asked for them at the same time; the person is asked once.
import * as api from '../api/session';

class Proof {
  asking = $state(false);
  #waiting: ((proved: boolean) => void)[] = [];

  /** The promise is kept when the person has proved who they are, or would not (false). */
  need(): Promise<boolean> {
    this.asking = true;
    return new Promise((tell) => this.#waiting.push(tell));
  }

  async give(code: string, password?: string): Promise<void> {
    await api.prove(code, password);
    this.#settle(true);
  }

  cancel(): void {
    this.#settle(false);
  }

  #settle(proved: boolean): void {
    this.asking = false;
    for (const tell of this.#waiting.splice(0)) tell(proved);
  }
}

export const proof = new Proof();
