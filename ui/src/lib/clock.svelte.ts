/** How often shown times are looked at again, in milliseconds: what is told in minutes is never off by more. */
const TICK_MS = 15_000;

class Clock {
  /** Now, in milliseconds of UTC, a tick old at most. */
  now = $state(Date.now());

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
    // Timers stand still in a hidden window.
    document.addEventListener('visibilitychange', () => this.#tick());
  }

  #tick(): void {
    this.now = Date.now();
  }
}

export const clock = new Clock();
