// A call that somebody makes by a button, with what the page shows of it: that it is under way, or why it failed.

export class Call {
  busy = $state(false);
  /** Null once it was read. */
  error = $state.raw<unknown>(null);

  constructor(readonly make: () => Promise<unknown>) {}

  /** One at a time: pressing the button again does nothing. */
  async run(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    try {
      await this.make();
    } catch (error) {
      this.error = error;
    } finally {
      this.busy = false;
    }
  }
}
