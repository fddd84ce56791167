// Generated from the command list in crates/console/src/api.rs by `cargo xtask bindings`. Not edited by hand.

/**
 * A failed command.
 */
export type ApiError = { 
/**
 * What somebody decides by.
 */
code: ApiErrorCode, 
/**
 * When trying again makes sense, in milliseconds from now.
 */
retry_after_ms: number | null, };

/**
 * Why a command failed. The window finds the words for each code in its catalogue.
 */
export type ApiErrorCode = "bad_request" | "signed_out" | "wrong_credentials" | "too_many_attempts" | "bad_backend_address" | "unreachable" | "certificate" | "not_a_backend" | "update_needed" | "backend_busy" | "no_keychain" | "keychain_locked" | "keychain_timeout" | "key_gone" | "not_found" | "empty_text" | "text_too_long" | "window_closed" | "wrong_state" | "already_running" | "storage" | "internal";

/**
 * Who a conversation is assigned to.
 */
export type Assignee = { 
/**
 * Their id.
 */
id: string, 
/**
 * Their name.
 */
name: string, 
/**
 * Whether it is the signed-in user.
 */
is_me: boolean, };

/**
 * A file that came with a message, as far as it is shown: that there is one.
 */
export type AttachmentView = { 
/**
 * Its name, where the sender gave one.
 */
file_name: string | null, 
/**
 * Its media type.
 */
mime_type: string | null, };

/**
 * Whether the backend can be reached.
 */
export type Connection = { "state": "signed_out" } | { "state": "connecting" } | { "state": "loading" } | { "state": "in_sync" } | { "state": "offline", 
/**
 * Since when.
 */
since: number, } | { "state": "update_needed" } | { "state": "revoked" };

/**
 * A window of a list.
 */
export type ConversationList = { 
/**
 * The groups that have rows, in order. Their counts add up to the list's length.
 */
groups: Array<ListGroup>, 
/**
 * The rows from `offset` on.
 */
rows: Array<ConversationRow>, 
/**
 * Unread conversations over all views, for the rail.
 */
unread_total: number, 
/**
 * Conversations per view, for the switcher.
 */
mine: number, 
/**
 * Conversations assigned to nobody.
 */
unassigned: number, 
/**
 * Everything not resolved.
 */
all: number, };

/**
 * Names a conversation.
 */
export type ConversationRef = { 
/**
 * Its id.
 */
conversation: string, };

/**
 * A conversation in the list.
 */
export type ConversationRow = { 
/**
 * Its id.
 */
id: string, 
/**
 * The customer's name, or the masked number where there is none.
 */
name: string, 
/**
 * Whether `name` is a name: a number gets `#` for its initials.
 */
has_name: boolean, 
/**
 * The queue's name.
 */
queue: string | null, 
/**
 * Where it stands.
 */
status: "open" | "snoozed" | "resolved" | string, 
/**
 * How urgent it is.
 */
priority: "normal" | "high" | "urgent" | string, 
/**
 * Who has it.
 */
assignee: Assignee | null, 
/**
 * The newest message.
 */
preview: Preview | null, 
/**
 * What the user has typed and not sent.
 */
draft: string | null, 
/**
 * Messages of the customer that the user has not seen.
 */
unread: number, 
/**
 * When the newest message was written.
 */
last_message_at: number, 
/**
 * Since when the customer waits for an answer.
 */
waiting_since: number | null, 
/**
 * Whether free text may be sent.
 */
window: WindowView, };

/**
 * How far an outgoing message has come, from the user's key press on.
 */
export type DeliveryView = { "state": "waiting" } | { "state": "refused", 
/**
 * The stable code of the reason.
 */
code: string, } | { "state": "known", 
/**
 * How far.
 */
status: "queued" | "uncertain" | "sent" | "failed" | "delivered" | "read" | "played" | string, 
/**
 * Why it failed.
 */
failure: string | null, };

/**
 * The response of a command that only succeeds or fails.
 */
export type Done = Record<symbol, never>;

/**
 * A run of rows. Groups follow each other in the order given, over all offsets.
 */
export type ListGroup = { 
/**
 * Which.
 */
kind: ListGroupKind, 
/**
 * Its rows, all of them.
 */
count: number, };

/**
 * Why a conversation stands where it stands in the list.
 */
export type ListGroupKind = "needs_reply" | "waiting_on_customer" | "resolved";

/**
 * Asks for a window of a list.
 */
export type ListQuery = { 
/**
 * Which conversations.
 */
view: ListView, 
/**
 * Rows to skip.
 */
offset: number, 
/**
 * Rows wanted; at most 200 are given.
 */
limit: number, };

/**
 * Which conversations a list shows.
 */
export type ListView = "mine" | "unassigned" | "all" | "resolved";

/**
 * Asks for what stands before a message.
 */
export type MessageQuery = { 
/**
 * The conversation.
 */
conversation: string, 
/**
 * The oldest message the window has.
 */
before: string, 
/**
 * Messages wanted; at most 200 are given.
 */
limit: number, };

/**
 * Names a message of a conversation.
 */
export type MessageRef = { 
/**
 * The conversation.
 */
conversation: string, 
/**
 * The message.
 */
message: string, };

/**
 * A message in the thread.
 */
export type MessageView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Which way it went.
 */
direction: "inbound" | "outbound" | string, 
/**
 * How it came to be in the thread.
 */
origin: "customer" | "agent" | "phone" | "history" | string, 
/**
 * Meta's word for what it is (`text`, `image`, …), or ours (`unsupported`).
 */
kind: string, 
/**
 * Its text, caption, title or place.
 */
text: string | null, 
/**
 * Its file.
 */
attachment: AttachmentView | null, 
/**
 * Who wrote it, where that was a colleague.
 */
author: string | null, 
/**
 * When it was written, on Meta's clock where it came from there.
 */
at: number, 
/**
 * How far it has come; null for what the customer wrote.
 */
delivery: DeliveryView | null, };

/**
 * The request of a command that needs nothing to be said.
 */
export type Nothing = Record<symbol, never>;

/**
 * Older messages of a conversation.
 */
export type OlderMessages = { 
/**
 * Oldest first.
 */
messages: Array<MessageView>, 
/**
 * Whether there are still older ones.
 */
has_older: boolean, };

/**
 * The user's choices on this computer. No personal data.
 */
export type Preferences = { 
/**
 * How the window looks.
 */
theme: Theme, 
/**
 * Whether single letters are shortcuts (WCAG 2.1.4 asks for a way to switch them off).
 */
single_keys: boolean, };

/**
 * The second line of a row.
 */
export type Preview = { 
/**
 * The message's kind: decides the icon and the word where there is no text.
 */
kind: string, 
/**
 * Start of its text, on one line.
 */
text: string | null, 
/**
 * Whether staff wrote it.
 */
outbound: boolean, 
/**
 * Whether it is not sent yet.
 */
queued: boolean, 
/**
 * Whether it failed or was refused.
 */
failed: boolean, };

/**
 * A reply to queue.
 */
export type Reply = { 
/**
 * The conversation.
 */
conversation: string, 
/**
 * What to write.
 */
text: string, };

/**
 * A reply that is in the outbox.
 */
export type ReplyQueued = { 
/**
 * The command.
 */
command: string, 
/**
 * The message, as it will be called everywhere.
 */
message: string, };

/**
 * A draft to keep.
 */
export type SaveDraft = { 
/**
 * The conversation.
 */
conversation: string, 
/**
 * What is typed; empty removes the draft.
 */
text: string, };

/**
 * Who is signed in.
 */
export type SessionState = { "state": "signed_out" } | { "state": "blocked", 
/**
 * What stands in the way: the keychain, mostly.
 */
problem: ApiErrorCode, } | { "state": "signed_in", 
/**
 * Who.
 */
user: UserView, 
/**
 * The tenant's name.
 */
tenant_name: string, };

/**
 * The session, as the window draws it.
 */
export type SessionView = { 
/**
 * Who is signed in.
 */
session: SessionState, 
/**
 * The backend's address: of the session, or the one to offer at sign-in.
 */
backend: string | null, 
/**
 * The backend's host, as the status bar shows it.
 */
host: string | null, };

/**
 * Credentials, on their way to the backend. They are kept nowhere.
 */
export type SignIn = { 
/**
 * The backend's address: https, or http on loopback.
 */
backend: string, 
/**
 * The user's e-mail address.
 */
email: string, 
/**
 * The password.
 */
password: string, };

/**
 * Ends the session.
 */
export type SignOut = { 
/**
 * What happens to commands that were not sent yet.
 */
unsent: Unsent, };

/**
 * What signing out left behind.
 */
export type SignOutResult = { 
/**
 * Commands kept, locked, on this computer.
 */
kept: number, };

/**
 * What the status bar shows.
 */
export type StatusView = { 
/**
 * Whether the backend can be reached.
 */
connection: Connection, 
/**
 * Commands that wait to be sent.
 */
queued: number, 
/**
 * Commands the backend refused, which wait for the user.
 */
refused: number, 
/**
 * Where data is kept.
 */
storage: StorageKind, 
/**
 * When the cache was last level with the backend.
 */
synced_at: number | null, 
/**
 * The console's version.
 */
version: string, };

/**
 * Where data is kept.
 */
export type StorageKind = "encrypted" | "memory";

/**
 * How the window looks.
 */
export type Theme = "system" | "light" | "dark";

/**
 * Asks for a conversation.
 */
export type ThreadQuery = { 
/**
 * Its id.
 */
conversation: string, 
/**
 * Messages wanted, the newest; at most 500 are given.
 */
limit: number, };

/**
 * A conversation, as the thread draws it.
 */
export type ThreadView = { 
/**
 * Header data: the same as in the list.
 */
conversation: ConversationRow, 
/**
 * The customer's number, masked; null where WhatsApp gives none.
 */
masked_number: string | null, 
/**
 * The newest messages, oldest first, unsent ones last.
 */
messages: Array<MessageView>, 
/**
 * Whether there are older ones, here or on the backend.
 */
has_older: boolean, 
/**
 * The first message the user has not seen.
 */
first_unread: string | null, 
/**
 * What the user has typed and not sent.
 */
draft: string, };

/**
 * What happens to commands that were not sent yet.
 */
export type Unsent = "send" | "keep" | "discard";

/**
 * A member of staff.
 */
export type UserView = { 
/**
 * Their id.
 */
id: string, 
/**
 * Their name.
 */
name: string, 
/**
 * What they are.
 */
role: "agent" | "manager" | "administrator" | "privacy_officer" | string, };

/**
 * A part of the interface that shows stored data and is drawn again when told so.
 */
export type View = { "view": "session" } | { "view": "list" } | { "view": "thread", 
/**
 * The conversation.
 */
conversation: string, } | { "view": "status" } | { "view": "preferences" } | { "view": "everything" };

/**
 * What the engine tells the window without being asked.
 */
export type ViewsChanged = { 
/**
 * The views to read again.
 */
views: Array<View>, };

/**
 * The customer service window, as it is drawn.
 */
export type WindowView = { "state": "open", 
/**
 * Until when.
 */
until: number, } | { "state": "closed", 
/**
 * Since when; null where the customer never wrote.
 */
since: number | null, };

/** What the window may ask of the engine. */
export interface Commands {
  /** Who is signed in on this computer, and what stands in the way where nobody is. */
  session: { request: Nothing; response: SessionView };
  /** Signs in at a backend, creates this device there, and opens the encrypted cache. */
  sign_in: { request: SignIn; response: SessionView };
  /** Ends the session on this device; what was not sent yet is sent, kept locked, or dropped. */
  sign_out: { request: SignOut; response: SignOutResult };
  /** Connection, unsent commands, storage. */
  status: { request: Nothing; response: StatusView };
  /** Tries to reach the backend now instead of at the next planned time. */
  reconnect: { request: Nothing; response: Done };
  /** A window of the conversation list. */
  list: { request: ListQuery; response: ConversationList };
  /** A conversation's header, its newest messages, and its draft. */
  thread: { request: ThreadQuery; response: ThreadView };
  /** Messages before a given one: from the cache, or from the backend where the cache has a gap. */
  older_messages: { request: MessageQuery; response: OlderMessages };
  /** Queues a reply. It is durable when this answers. */
  reply: { request: Reply; response: ReplyQueued };
  /** Sends the text of a failed or refused message again, as a new message. */
  retry: { request: MessageRef; response: ReplyQueued };
  /** Takes an unsent or refused message out of the queue and puts its text back into the draft. */
  take_back: { request: MessageRef; response: Done };
  /** Keeps what is being typed. An empty text removes the draft. */
  save_draft: { request: SaveDraft; response: Done };
  /** Marks the conversation as read up to its newest message. */
  mark_read: { request: ConversationRef; response: Done };
  /** Takes the conversation. */
  claim: { request: ConversationRef; response: Done };
  /** Gives the conversation back to its queue. */
  release: { request: ConversationRef; response: Done };
  /** Closes the conversation; a message from the customer opens it again. */
  resolve: { request: ConversationRef; response: Done };
  /** Opens a resolved conversation again. */
  reopen: { request: ConversationRef; response: Done };
  /** The user's choices on this computer. */
  preferences: { request: Nothing; response: Preferences };
  /** Changes the user's choices on this computer. */
  set_preferences: { request: Preferences; response: Preferences };
}
