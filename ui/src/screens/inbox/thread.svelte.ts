import { asApiError, type ApiError, type MessageView, type Platform, type ThreadView } from '../../lib/platform';
import { oneLine } from '../../lib/text/plain';
import { kindWord } from '../../lib/i18n/errors';
import { t } from '../../lib/i18n';
import type { Refresher } from '../../lib/views/refresh';
import type { ComposerModel } from './composer.svelte';
import { joined } from './items';

/** Newest messages that are read when a thread opens. */
const FIRST_MESSAGES = 60;
/** Messages that are read further up at once. */
const OLDER_MESSAGES = 60;
/** Messages that a host gives at once. */
const MESSAGES_MAX = 500;

type Command = 'claim' | 'release' | 'resolve' | 'reopen';

/** The open conversation: its messages, and what one does with them. */
export class ThreadModel {
  conversation = $state<string | null>(null);
  view = $state.raw<ThreadView | null>(null);
  messages = $state.raw<readonly MessageView[]>([]);
  hasOlder = $state(false);
  older = $state<'idle' | 'loading' | 'failed'>('idle');
  error = $state.raw<ApiError | null>(null);
  /** Why a button did not do what it says. */
  actionError = $state.raw<ApiError | null>(null);
  /** The first message that was not seen when the thread was opened: its line stays until something is sent. */
  firstUnread = $state<string | null>(null);
  /** What a screen reader is told: the newest message of the customer. */
  announcement = $state('');
  /** Failed messages that were sent again, so that no second press sends them twice. */
  retried = $state.raw<ReadonlySet<string>>(new Set());
  /** Messages that came below what is on the screen. */
  unseen = $state(0);

  readonly #platform: Platform;
  readonly #refresher: Refresher;
  readonly #composer: ComposerModel;
  #end: () => void = () => {};
  #atBottom = true;
  #markedAt: string | null = null;

  constructor(platform: Platform, refresher: Refresher, composer: ComposerModel) {
    this.#platform = platform;
    this.#refresher = refresher;
    this.#composer = composer;
  }

  /** Opens a conversation, or none. */
  open(conversation: string | null): void {
    if (conversation === this.conversation) return;
    this.#end();
    this.#composer.open(conversation);
    this.conversation = conversation;
    this.view = null;
    this.messages = [];
    this.hasOlder = false;
    this.older = 'idle';
    this.error = null;
    this.actionError = null;
    this.firstUnread = null;
    this.announcement = '';
    this.retried = new Set();
    this.unseen = 0;
    this.#atBottom = true;
    this.#markedAt = null;
    if (conversation === null) return;
    const key = `thread:${conversation}`;
    this.#end = this.#refresher.keep(key, () => this.#read(conversation));
    this.#refresher.changed([key]);
  }

  /** Reads the conversation again after it could not be read. */
  again(): void {
    if (this.conversation !== null) this.#refresher.changed([`thread:${this.conversation}`]);
  }

  /** Loads what stands before the oldest message that is here. */
  async loadOlder(): Promise<void> {
    const conversation = this.conversation;
    const first = this.messages[0];
    if (conversation === null || first === undefined || !this.hasOlder || this.older === 'loading') return;
    this.older = 'loading';
    try {
      const answer = await this.#platform.call('older_messages', {
        conversation,
        before: first.id,
        limit: OLDER_MESSAGES,
      });
      if (conversation !== this.conversation) return;
      this.older = 'idle';
      // A read in between may have changed what is the oldest; then the next scroll asks again.
      if (this.messages[0]?.id !== first.id) return;
      const known = new Set(this.messages.map((message) => message.id));
      this.messages = [...answer.messages.filter((message) => !known.has(message.id)), ...this.messages];
      this.hasOlder = answer.has_older;
    } catch {
      if (conversation === this.conversation) this.older = 'failed';
    }
  }

  /** Tells whether the newest message is on the screen. */
  scrolled(atBottom: boolean): void {
    this.#atBottom = atBottom;
    if (!atBottom) return;
    this.unseen = 0;
    // Far more than the screen shows is not kept for somebody who is back at the end.
    if (this.messages.length > MESSAGES_MAX) {
      this.messages = this.messages.slice(-FIRST_MESSAGES);
      this.hasOlder = true;
    }
  }

  /** The user has the newest message before their eyes. */
  async seen(): Promise<void> {
    const conversation = this.conversation;
    const newest = this.messages[this.messages.length - 1];
    if (conversation === null || newest === undefined || !this.#atBottom) return;
    if ((this.view?.conversation.unread ?? 0) === 0 || this.#markedAt === newest.id) return;
    this.#markedAt = newest.id;
    try {
      await this.#platform.call('mark_read', { conversation });
    } catch {
      // It stays unread; the next message tries again.
    }
  }

  /** Sends what the composer has. */
  async send(): Promise<boolean> {
    const sent = await this.#composer.send();
    if (sent) this.firstUnread = null;
    return sent;
  }

  /** Sends a failed message again. */
  async retry(message: MessageView): Promise<void> {
    this.retried = new Set([...this.retried, message.id]);
    const sent = await this.#act((conversation) => this.#platform.call('retry', { conversation, message: message.id }));
    if (!sent) this.retried = new Set([...this.retried].filter((id) => id !== message.id));
  }

  /** Takes an unsent message back into the composer. Answers whether it is there. */
  async takeBack(message: MessageView): Promise<boolean> {
    return this.#act(async (conversation) => {
      // What is typed is kept first, so that the text comes to it and not in its place.
      await this.#composer.flush();
      await this.#platform.call('take_back', { conversation, message: message.id });
      await this.#read(conversation);
    });
  }

  async run(command: Command): Promise<boolean> {
    return this.#act((conversation) => this.#platform.call(command, { conversation }));
  }

  async #act(action: (conversation: string) => Promise<unknown>): Promise<boolean> {
    const conversation = this.conversation;
    if (conversation === null) return false;
    this.actionError = null;
    try {
      await action(conversation);
      return true;
    } catch (thrown) {
      if (conversation === this.conversation) this.actionError = asApiError(thrown);
      return false;
    }
  }

  async #read(conversation: string): Promise<void> {
    const version = this.#composer.version;
    const limit = Math.min(MESSAGES_MAX, Math.max(FIRST_MESSAGES, this.messages.length + 1));
    try {
      const view = await this.#platform.call('thread', { conversation, limit });
      if (conversation !== this.conversation) return;
      this.#take(view);
      this.#composer.adopt(view.draft, version);
      this.error = null;
    } catch (thrown) {
      if (conversation !== this.conversation) return;
      this.error = asApiError(thrown);
      if (this.error.code === 'not_found') {
        this.view = null;
        this.messages = [];
      }
    }
  }

  #take(view: ThreadView): void {
    const first = this.view === null;
    const before = this.messages;
    const newestBefore = before[before.length - 1];
    const messages = joined(before, view.messages);
    const keptOlder = messages.length > view.messages.length;
    this.view = view;
    this.messages = messages;
    if (!keptOlder) this.hasOlder = view.has_older;
    // Somebody who watches the newest message needs no line before each that comes.
    if (first || !this.#atBottom || !document.hasFocus()) this.firstUnread ??= view.first_unread;
    if (first) return;

    const known = newestBefore === undefined ? -1 : messages.findLastIndex((message) => message.id === newestBefore.id);
    const came = messages.slice(known + 1).filter((message) => message.direction === 'inbound');
    if (!this.#atBottom) this.unseen += came.length;
    const last = came[came.length - 1];
    if (last !== undefined) {
      const text = last.text === null || last.text === '' ? kindWord(last.kind) : oneLine(last.text);
      this.announcement = t('announce.message', { name: oneLine(view.conversation.name), text });
    }
  }
}
