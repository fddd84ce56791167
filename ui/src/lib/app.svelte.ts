import { createContext } from 'svelte';
import {
  asApiError,
  type ApiError,
  type Platform,
  type Preferences,
  type SessionView,
  type StatusView,
} from './platform';
import { Refresher } from './views/refresh';

/** What every screen needs: who is signed in, the connection, the user's choices. */
export class App {
  session = $state.raw<SessionView | null>(null);
  status = $state.raw<StatusView | null>(null);
  preferences = $state.raw<Preferences>({ theme: 'system', single_keys: true });
  /** Why the session could not even be asked for. */
  failure = $state.raw<ApiError | null>(null);
  readonly refresher = new Refresher();

  constructor(readonly platform: Platform) {
    platform.onViewsChanged(({ views }) => this.refresher.tell(views));
    this.refresher.keep('session', () => this.#readSession());
    this.refresher.keep('status', () => this.#readStatus());
    this.refresher.keep('preferences', () => this.#readPreferences());
  }

  /** Reads everything once; the screens keep themselves current from then on. */
  async start(): Promise<void> {
    await Promise.all([this.#readPreferences(), this.#readSession(), this.#readStatus()]);
  }

  /** Asks again, as after the keychain was unlocked. */
  async again(): Promise<void> {
    await Promise.all([this.#readSession(), this.#readStatus()]);
  }

  get offlineSince(): number | null {
    const connection = this.status?.connection;
    return connection?.state === 'offline' ? connection.since : null;
  }

  /** Changes some of the user's choices. */
  async choose(choice: Partial<Preferences>): Promise<void> {
    const before = this.preferences;
    const wanted = { ...before, ...choice };
    this.preferences = wanted;
    try {
      this.preferences = await this.platform.call('set_preferences', wanted);
    } catch {
      // The choice could not be kept, so the window does not pretend that it was.
      this.preferences = before;
    }
  }

  async reconnect(): Promise<void> {
    try {
      await this.platform.call('reconnect', {});
    } catch {
      // The status bar goes on to say that there is no connection.
    }
  }

  async #readSession(): Promise<void> {
    try {
      this.session = await this.platform.call('session', {});
      this.failure = null;
    } catch (thrown) {
      this.failure = asApiError(thrown);
    }
  }

  async #readStatus(): Promise<void> {
    try {
      this.status = await this.platform.call('status', {});
    } catch {
      // Without a session there may be nothing to tell; the screen that needs it says what is wrong.
      this.status = null;
    }
  }

  async #readPreferences(): Promise<void> {
    try {
      this.preferences = await this.platform.call('preferences', {});
    } catch {
      // As the system has it, then.
    }
  }
}

export const [getApp, setApp] = createContext<App>();
