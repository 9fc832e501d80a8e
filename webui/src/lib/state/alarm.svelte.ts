// How many alerts nobody has acknowledged, for the sidebar. Read when an admin goes somewhere and never by a clock: a
// page that asks by itself would keep its session alive.
import { listAlerts } from '../api/watch';

const AGAIN_AFTER_MS = 15_000;

class Alarm {
  open = $state(0);
  #readAt = 0;

  async look(): Promise<void> {
    if (Date.now() - this.#readAt < AGAIN_AFTER_MS) return;
    await this.lookNow();
  }

  async lookNow(): Promise<void> {
    this.#readAt = Date.now();
    try {
      const { items } = await listAlerts();
      this.open = items.filter(({ acknowledged_at }) => acknowledged_at === null).length;
    } catch {
      // The page of the alerts says what is wrong; here is no room for it.
    }
  }
}

export const alarm = new Alarm();
