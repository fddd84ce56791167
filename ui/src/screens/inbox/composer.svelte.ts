import { asApiError, type ApiError, type Platform } from '../../lib/platform';
import { characterCount } from '../../lib/text/plain';

/** How long typing pauses before the draft is kept, in milliseconds. */
const SAVE_AFTER_MS = 400;
/** Longest text of a message, in characters: WhatsApp's own limit. */
export const TEXT_CHARACTERS_MAX = 4_096;
/** From how many characters left on the composer counts them. */
const COUNT_FROM = 400;

/** What is being typed: kept as a draft, and sent. Nothing typed is lost by moving on. */
export class ComposerModel {
  text = $state('');
  sending = $state(false);
  error = $state.raw<ApiError | null>(null);
  draftFailed = $state(false);

  readonly #platform: Platform;
  #conversation: string | null = null;
  #saved = '';
  /** Grows with everything that makes an earlier read of the draft out of date. */
  #version = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  /** Saves that are on their way, by conversation: how many, and the newest text. */
  readonly #saves = new Map<string, { count: number; text: string }>();
  /** Drafts that could not be kept, by conversation: they stay here while the window is open. */
  readonly #unsaved = new Map<string, string>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  get length(): number {
    return characterCount(this.text);
  }

  /** Characters left, once there are few; below zero where there are too many. */
  get left(): number | null {
    const left = TEXT_CHARACTERS_MAX - this.length;
    return left <= COUNT_FROM ? left : null;
  }

  get canSend(): boolean {
    return !this.sending && this.text.trim() !== '' && this.length <= TEXT_CHARACTERS_MAX;
  }

  /** Turns to another conversation. Its draft comes with `adopt`. */
  open(conversation: string | null): void {
    void this.flush();
    this.#conversation = conversation;
    this.#version += 1;
    // A draft that is still being kept is newer than what a read would bring.
    const beingKept = conversation === null ? undefined : this.#saves.get(conversation)?.text;
    this.text = beingKept ?? '';
    this.#saved = this.text;
    this.error = null;
    this.draftFailed = false;
    const unsaved = conversation === null ? undefined : this.#unsaved.get(conversation);
    if (unsaved !== undefined) {
      this.text = unsaved;
      this.draftFailed = true;
    }
  }

  /** What a draft that is read from now on is compared with. */
  get version(): number {
    return this.#version;
  }

  /** Takes over a stored draft, unless somebody typed since it was asked for. */
  adopt(draft: string, version: number): void {
    const saving = this.#conversation !== null && this.#saves.has(this.#conversation);
    if (version !== this.#version || saving || this.sending || this.text !== this.#saved) return;
    this.text = draft;
    this.#saved = draft;
  }

  typed(): void {
    this.error = null;
    this.#saveSoon();
  }

  /** Keeps the draft now. One save follows the other, so that the last one counts. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    const conversation = this.#conversation;
    const text = this.text;
    if (conversation === null || this.sending || text === this.#saved) return this.#saving;
    this.#saved = text;
    this.#saves.set(conversation, { count: (this.#saves.get(conversation)?.count ?? 0) + 1, text });
    this.#saving = this.#saving.then(() => this.#save(conversation, text));
    return this.#saving;
  }

  /** Sends what is typed. Answers whether it is in the outbox; the text stays where it is not. */
  async send(): Promise<boolean> {
    const conversation = this.#conversation;
    if (conversation === null || !this.canSend) return false;
    const text = this.text;
    // The host removes a draft that says what is sent, so it has to have all of it.
    const kept = this.flush();
    this.sending = true;
    this.error = null;
    try {
      await kept;
      await this.#platform.call('reply', { conversation, text });
      this.#unsaved.delete(conversation);
      if (conversation === this.#conversation) {
        this.#version += 1;
        // What was typed while the reply was on its way is the next draft.
        this.text = this.text.startsWith(text) ? this.text.slice(text.length).trimStart() : this.text;
        // A draft that could not be kept may have left an older one behind, which goes with the next save.
        this.#saved = this.draftFailed ? text : '';
        this.draftFailed = false;
      }
      return true;
    } catch (thrown) {
      if (conversation === this.#conversation) this.error = asApiError(thrown);
      return false;
    } finally {
      this.sending = false;
      if (this.text !== this.#saved) this.#saveSoon();
    }
  }

  #saveSoon(): void {
    this.#version += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), SAVE_AFTER_MS);
  }

  async #save(conversation: string, text: string): Promise<void> {
    try {
      await this.#platform.call('save_draft', { conversation, text });
      this.#unsaved.delete(conversation);
      if (conversation === this.#conversation) this.draftFailed = false;
    } catch {
      this.#unsaved.set(conversation, text);
      if (conversation === this.#conversation) {
        this.draftFailed = true;
        // The next key press tries again.
        this.#saved = '';
      }
    } finally {
      const saves = this.#saves.get(conversation);
      if (saves !== undefined && saves.count > 1) this.#saves.set(conversation, { ...saves, count: saves.count - 1 });
      else this.#saves.delete(conversation);
      if (conversation === this.#conversation) this.#version += 1;
    }
  }
}
