import type {
  ApiError,
  ApiErrorCode,
  Assignee,
  Commands,
  Connection,
  ConversationRow,
  DeliveryView,
  ListGroup,
  ListView,
  MessageView,
  Preferences,
  SessionState,
  StorageKind,
  Theme,
  View,
  ViewsChanged,
  WindowView,
} from '..';
import { ME, PEOPLE, someone, type Line, type Person } from './people';

const MINUTE_MS = 60_000;
const WINDOW_MS = 24 * 60 * MINUTE_MS;
const TRIES_MAX = 5;
const TEXT_CHARACTERS_MAX = 4_096;
const PASSWORD = 'correct horse';

interface Conversation {
  id: string;
  person: Person;
  messages: MessageView[];
  assignee: Assignee | null;
  status: 'open' | 'resolved';
  unread: number;
  draft: string;
}

/** Every command as a plain function: a stand-in that lacks one does not compile. */
type MockCommands = { [K in keyof Commands]: (request: Commands[K]['request']) => Commands[K]['response'] };

export class MockHost {
  readonly #changed: (changed: ViewsChanged) => void;
  readonly #conversations: Conversation[] = [];
  readonly #byId = new Map<string, Conversation>();
  #session: SessionState;
  #connection: Connection;
  #storage: StorageKind;
  #preferences: Preferences;
  #tries = 0;
  #ids = 100;
  #syncedAt: number | null;
  /** Whether ticks move on by themselves. */
  #automatic = true;

  constructor(options: URLSearchParams, changed: (changed: ViewsChanged) => void) {
    this.#changed = changed;
    const now = Date.now();
    const blocked = options.get('blocked');
    this.#session =
      blocked !== null
        ? { state: 'blocked', problem: blocked as ApiErrorCode }
        : options.has('signedout')
          ? { state: 'signed_out' }
          : this.#signedIn();
    this.#connection = options.has('offline')
      ? { state: 'offline', since: now - 4 * MINUTE_MS }
      : options.has('loading')
        ? { state: 'loading' }
        : { state: 'in_sync' };
    this.#syncedAt =
      options.has('loading') || options.has('never') ? null : options.has('offline') ? now - 4 * MINUTE_MS : now;
    this.#storage = options.has('memory') || blocked === 'no_keychain' ? 'memory' : 'encrypted';
    this.#preferences = { theme: (options.get('theme') ?? 'system') as Theme, single_keys: true };

    const wanted = Number(options.get('n') ?? PEOPLE.length);
    for (let index = 0; index < wanted; index += 1) this.#add(PEOPLE[index] ?? someone(index), now);
    const first = this.#conversations[0];
    if (options.has('long') && first !== undefined) this.#lengthen(first, 2_000, now);
  }

  readonly commands: MockCommands = {
    session: () => this.#sessionView(),
    sign_in: ({ backend, email, password }) => {
      if (!/^(https:\/\/)?[\w.-]+(:\d+)?\/?$|^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?\/?$/.test(backend))
        fail('bad_backend_address');
      if (backend.includes('nowhere')) fail('unreachable');
      if (this.#tries >= TRIES_MAX) throw error('too_many_attempts', 15 * MINUTE_MS);
      if (password !== PASSWORD || !email.includes('@')) {
        this.#tries += 1;
        fail('wrong_credentials');
      }
      this.#session = this.#signedIn();
      this.#tell({ view: 'session' }, { view: 'list' }, { view: 'status' });
      return this.#sessionView();
    },
    sign_out: ({ unsent }) => {
      if (unsent === 'send' && this.#queued() > 0) fail('unreachable');
      this.#session = { state: 'signed_out' };
      this.#tell({ view: 'session' }, { view: 'list' }, { view: 'status' });
      return { kept: unsent === 'keep' ? this.#queued() : 0 };
    },
    status: () => ({
      connection: this.#session.state === 'signed_in' ? this.#connection : { state: 'signed_out' },
      queued: this.#queued(),
      refused: this.#count((message) => message.delivery?.state === 'refused'),
      storage: this.#storage,
      synced_at: this.#syncedAt,
      version: '0.1.0',
    }),
    reconnect: () => {
      this.goOnline();
      return {};
    },
    list: ({ view, offset, limit }) => {
      this.#signedInOnly();
      const sorted = this.#sorted(view);
      return {
        groups: sorted.groups,
        rows: sorted.conversations
          .slice(offset, offset + Math.min(limit, 200))
          .map((conversation) => this.#row(conversation)),
        unread_total: this.#conversations.filter((conversation) => conversation.unread > 0 && isMine(conversation))
          .length,
        mine: this.#conversations.filter(isMine).length,
        unassigned: this.#conversations.filter(isUnassigned).length,
        all: this.#conversations.filter(isOpen).length,
      };
    },
    thread: ({ conversation: id, limit }) => {
      const conversation = this.#find(id);
      const messages = conversation.messages.slice(-Math.min(limit, 500));
      const inbound = conversation.messages.filter((message) => message.direction === 'inbound');
      return {
        conversation: this.#row(conversation),
        masked_number: `+1 555 ••• ${conversation.person.digits}`,
        messages,
        has_older: messages.length < conversation.messages.length,
        first_unread: conversation.unread > 0 ? (inbound[inbound.length - conversation.unread]?.id ?? null) : null,
        draft: conversation.draft,
      };
    },
    older_messages: ({ conversation: id, before, limit }) => {
      const { messages } = this.#find(id);
      const end = messages.findIndex((message) => message.id === before);
      if (end < 0) fail('not_found');
      const start = Math.max(0, end - Math.min(limit, 200));
      return { messages: messages.slice(start, end), has_older: start > 0 };
    },
    reply: ({ conversation: id, text }) => this.#reply(this.#find(id), text),
    retry: ({ conversation: id, message }) => {
      const conversation = this.#find(id);
      const failed = this.#message(conversation, message);
      if (
        failed.delivery?.state !== 'refused' &&
        !(failed.delivery?.state === 'known' && failed.delivery.status === 'failed')
      )
        fail('wrong_state');
      // A refused message never was in the thread; a failed one stays in it.
      if (failed.delivery?.state === 'refused') {
        conversation.messages = conversation.messages.filter((other) => other !== failed);
      }
      return this.#reply(conversation, failed.text ?? '');
    },
    take_back: ({ conversation: id, message }) => {
      const conversation = this.#find(id);
      const taken = this.#message(conversation, message);
      if (taken.delivery?.state !== 'waiting' && taken.delivery?.state !== 'refused') fail('wrong_state');
      conversation.messages = conversation.messages.filter((other) => other !== taken);
      conversation.draft = [conversation.draft, taken.text ?? ''].filter((text) => text !== '').join('\n');
      this.#tellOf(conversation, { view: 'status' });
      return {};
    },
    save_draft: ({ conversation: id, text }) => {
      this.#find(id).draft = text;
      this.#tell({ view: 'list' });
      return {};
    },
    mark_read: ({ conversation: id }) => {
      const conversation = this.#find(id);
      conversation.unread = 0;
      this.#tellOf(conversation);
      return {};
    },
    claim: ({ conversation }) => this.#change(conversation, (it) => (it.assignee = me())),
    release: ({ conversation }) => this.#change(conversation, (it) => (it.assignee = null)),
    resolve: ({ conversation }) => this.#change(conversation, (it) => (it.status = 'resolved')),
    reopen: ({ conversation }) => this.#change(conversation, (it) => (it.status = 'open')),
    preferences: () => this.#preferences,
    set_preferences: (preferences) => {
      this.#preferences = preferences;
      this.#tell({ view: 'preferences' });
      return preferences;
    },
  };

  // What a test in the browser may do from outside.

  /** The customer writes. */
  customerWrites(id: string, text: string): void {
    const conversation = this.#find(id);
    conversation.messages.push(this.#inbound(text));
    conversation.unread += 1;
    conversation.status = 'open';
    this.#tellOf(conversation);
  }

  /** The newest customer of a list, or another by place. */
  idAt(view: ListView, index: number): string {
    return this.#sorted(view).conversations[index]?.id ?? '';
  }

  goOffline(): void {
    this.#connection = { state: 'offline', since: Date.now() };
    this.#tell({ view: 'status' });
  }

  goOnline(): void {
    this.#connection = { state: 'in_sync' };
    this.#syncedAt = Date.now();
    this.#tell({ view: 'status' });
    for (const conversation of this.#conversations) {
      for (const message of conversation.messages) {
        if (message.delivery?.state === 'waiting') this.#deliver(conversation, message);
      }
    }
  }

  connection(connection: Connection): void {
    this.#connection = connection;
    this.#tell({ view: 'status' });
  }

  /** Ticks stand still until the test moves them with `setDelivery`. */
  holdTicks(): void {
    this.#automatic = false;
  }

  setDelivery(id: string, message: string, delivery: DeliveryView): void {
    const conversation = this.#find(id);
    this.#message(conversation, message).delivery = delivery;
    this.#tellOf(conversation);
  }

  #add(person: Person, now: number): void {
    const id = this.#id();
    const conversation: Conversation = {
      id,
      person,
      messages: person.lines.map((line) => this.#said(line, now)),
      assignee:
        person.assignee === undefined
          ? me()
          : person.assignee === null
            ? null
            : { id: this.#id(), name: person.assignee, is_me: false },
      status: person.resolved === true ? 'resolved' : 'open',
      unread: person.unread ?? 0,
      draft: person.draft ?? '',
    };
    this.#conversations.push(conversation);
    this.#byId.set(id, conversation);
  }

  #lengthen(conversation: Conversation, count: number, now: number): void {
    const older: MessageView[] = [];
    for (let index = 0; index < count; index += 1) {
      older.push(
        this.#said(
          {
            ago: 3 * 24 * 60 + (count - index) * 7,
            from: index % 3 === 0 ? 'me' : 'customer',
            text: `Older message ${index}. ${'More words of it. '.repeat(index % 9)}`,
            delivery: 'read',
          },
          now,
        ),
      );
    }
    conversation.messages.unshift(...older);
  }

  #said(line: Line, now: number): MessageView {
    const inbound = line.from === 'customer' || line.from === 'whatsapp';
    return {
      id: this.#id(),
      direction: inbound ? 'inbound' : 'outbound',
      origin: inbound ? 'customer' : line.from === 'phone' ? 'phone' : 'agent',
      kind: line.kind ?? 'text',
      text: line.text,
      attachment: line.mime === undefined ? null : { file_name: line.file ?? null, mime_type: line.mime },
      author: line.from === 'colleague' ? 'Beto Ruiz' : null,
      at: now - line.ago * MINUTE_MS,
      delivery: inbound ? null : deliveryOf(line),
    };
  }

  #inbound(text: string): MessageView {
    return this.#said({ ago: 0, from: 'customer', text }, Date.now());
  }

  #reply(conversation: Conversation, text: string): Commands['reply']['response'] {
    if (text.trim() === '') fail('empty_text');
    if ([...text].length > TEXT_CHARACTERS_MAX) fail('text_too_long');
    if (windowOf(conversation).state === 'closed') fail('window_closed');
    const message: MessageView = {
      ...this.#said({ ago: 0, from: 'me', text }, Date.now()),
      delivery: { state: 'waiting' },
    };
    conversation.messages.push(message);
    // What was typed meanwhile stays.
    if (conversation.draft.trim() === text.trim()) conversation.draft = '';
    this.#tellOf(conversation, { view: 'status' });
    if (this.#connection.state === 'in_sync') this.#deliver(conversation, message);
    return { command: this.#id(), message: message.id };
  }

  #deliver(conversation: Conversation, message: MessageView): void {
    if (!this.#automatic) return;
    const steps = ['queued', 'sent', 'delivered', 'read'] as const;
    steps.forEach((status, step) => {
      setTimeout(
        () => {
          message.delivery = { state: 'known', status, failure: null };
          this.#tellOf(conversation, { view: 'status' });
        },
        120 * (step + 1),
      );
    });
  }

  #change(id: string, change: (conversation: Conversation) => void): Commands['claim']['response'] {
    const conversation = this.#find(id);
    change(conversation);
    this.#tellOf(conversation, { view: 'status' });
    return {};
  }

  #find(id: string): Conversation {
    this.#signedInOnly();
    return this.#byId.get(id) ?? fail('not_found');
  }

  #message(conversation: Conversation, id: string): MessageView {
    return conversation.messages.find((message) => message.id === id) ?? fail('not_found');
  }

  #signedInOnly(): void {
    if (this.#session.state !== 'signed_in') fail('signed_out');
  }

  #signedIn(): SessionState {
    return { state: 'signed_in', user: ME, tenant_name: 'Northgate Motors' };
  }

  #sessionView(): Commands['session']['response'] {
    const known = this.#session.state === 'signed_in';
    return { session: this.#session, backend: 'desk.northgate.example', host: known ? 'desk.northgate.example' : null };
  }

  #queued(): number {
    return this.#count((message) => message.delivery?.state === 'waiting');
  }

  #count(which: (message: MessageView) => boolean): number {
    // Long lists hold no queue worth counting: looking at 20,000 threads would make the stand-in the slow part.
    return this.#conversations
      .slice(0, 100)
      .reduce((sum, conversation) => sum + conversation.messages.filter(which).length, 0);
  }

  #sorted(view: ListView): { conversations: Conversation[]; groups: ListGroup[] } {
    if (view === 'resolved') {
      const done = this.#conversations
        .filter((conversation) => !isOpen(conversation))
        .sort((a, b) => lastAt(b) - lastAt(a));
      return { conversations: done, groups: done.length > 0 ? [{ kind: 'resolved', count: done.length }] : [] };
    }
    const shown = this.#conversations.filter(view === 'mine' ? isMine : view === 'unassigned' ? isUnassigned : isOpen);
    const needs = shown.filter(needsReply).sort((a, b) => waitingSince(a) - waitingSince(b));
    const waits = shown.filter((conversation) => !needsReply(conversation)).sort((a, b) => lastAt(b) - lastAt(a));
    const groups: ListGroup[] = [
      { kind: 'needs_reply', count: needs.length },
      { kind: 'waiting_on_customer', count: waits.length },
    ];
    return { conversations: [...needs, ...waits], groups: groups.filter((group) => group.count > 0) };
  }

  #row(conversation: Conversation): ConversationRow {
    const { person, messages } = conversation;
    const last = messages[messages.length - 1];
    return {
      id: conversation.id,
      name: person.name ?? `+1 555 ••• ${person.digits}`,
      has_name: person.name !== null,
      queue: person.queue,
      status: conversation.status,
      priority: person.priority ?? 'normal',
      assignee: conversation.assignee,
      preview:
        last === undefined
          ? null
          : {
              kind: last.kind,
              text: last.text,
              outbound: last.direction === 'outbound',
              queued: last.delivery?.state === 'waiting',
              failed:
                last.delivery?.state === 'refused' ||
                (last.delivery?.state === 'known' && last.delivery.status === 'failed'),
            },
      draft: conversation.draft === '' ? null : conversation.draft,
      unread: conversation.unread,
      last_message_at: lastAt(conversation),
      waiting_since: needsReply(conversation) ? waitingSince(conversation) : null,
      window: windowOf(conversation),
    };
  }

  #tell(...views: View[]): void {
    this.#changed({ views });
  }

  #tellOf(conversation: Conversation, ...more: View[]): void {
    this.#tell({ view: 'list' }, { view: 'thread', conversation: conversation.id }, ...more);
  }

  #id(): string {
    this.#ids += 1;
    return `0193f000-0000-7000-8000-${String(this.#ids).padStart(12, '0')}`;
  }
}

function me(): Assignee {
  return { id: ME.id, name: ME.name, is_me: true };
}

function error(code: ApiErrorCode, retry_after_ms: number | null = null): ApiError {
  return { code, retry_after_ms };
}

function fail(code: ApiErrorCode): never {
  throw error(code);
}

function deliveryOf(line: Line): DeliveryView {
  if (line.delivery === 'refused') return { state: 'refused', code: line.failure ?? 'other' };
  return { state: 'known', status: line.delivery ?? 'read', failure: line.failure ?? null };
}

function isOpen(conversation: Conversation): boolean {
  return conversation.status === 'open';
}

function isMine(conversation: Conversation): boolean {
  return isOpen(conversation) && conversation.assignee?.is_me === true;
}

function isUnassigned(conversation: Conversation): boolean {
  return isOpen(conversation) && conversation.assignee === null;
}

function needsReply({ messages }: Conversation): boolean {
  return messages[messages.length - 1]?.direction === 'inbound';
}

function lastAt({ messages }: Conversation): number {
  return messages[messages.length - 1]?.at ?? 0;
}

function waitingSince({ messages }: Conversation): number {
  const answered = messages.findLastIndex((message) => message.direction === 'outbound');
  return messages[answered + 1]?.at ?? 0;
}

function windowOf({ messages }: Conversation): WindowView {
  const wrote = messages.findLast((message) => message.direction === 'inbound');
  if (wrote === undefined) return { state: 'closed', since: null };
  const until = wrote.at + WINDOW_MS - MINUTE_MS;
  return Date.now() < until ? { state: 'open', until } : { state: 'closed', since: until };
}
