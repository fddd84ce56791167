import type { MessageView } from '../../lib/platform';
import { dayKey } from '../../lib/i18n/dates';

/** What stands in a thread, from top to bottom. */
export type Item =
  | { type: 'day'; key: string; at: number }
  | { type: 'unread'; key: string }
  | { type: 'offline'; key: string; since: number }
  | { type: 'closed'; key: string; since: number }
  | { type: 'message'; key: string; message: MessageView; tight: boolean; last: boolean };

/** What decides where the lines between messages stand. */
export interface Lines {
  /** The first message that was not seen when the thread was opened. */
  firstUnread: string | null;
  offlineSince: number | null;
  /** When the 24-hour window closed, or null while it is open. */
  closedSince: number | null;
}

/** Messages of one sender that follow each other within this time stand together, in milliseconds. */
const TOGETHER_MS = 10 * 60_000;

/** A thread as it is drawn: its messages, and between them days, the line of unread ones, and what happened to the connection. */
export function itemsOf(messages: readonly MessageView[], lines: Lines): Item[] {
  const items: Item[] = [];
  let day = '';
  let before: MessageView | null = null;
  let offlineSince = lines.offlineSince;
  let closedSince = lines.closedSince;
  messages.forEach((message, index) => {
    let apart = before === null;
    if (closedSince !== null && message.at > closedSince && message.direction === 'outbound') {
      // Templates and messages of the phone may follow; the line stands where the window closed.
      items.push({ type: 'closed', key: 'closed', since: closedSince });
      closedSince = null;
      apart = true;
    }
    if (dayKey(message.at) !== day) {
      day = dayKey(message.at);
      items.push({ type: 'day', key: `day:${day}:${message.id}`, at: message.at });
      apart = true;
    }
    if (offlineSince !== null && message.delivery?.state === 'waiting' && message.at >= offlineSince) {
      items.push({ type: 'offline', key: 'offline', since: offlineSince });
      offlineSince = null;
      apart = true;
    }
    if (message.id === lines.firstUnread) {
      items.push({ type: 'unread', key: 'unread' });
      apart = true;
    }
    const tight: boolean = !apart && before !== null && belongTogether(before, message);
    items.push({ type: 'message', key: message.id, message, tight, last: index === messages.length - 1 });
    before = message;
  });
  if (closedSince !== null && messages.length > 0) items.push({ type: 'closed', key: 'closed', since: closedSince });
  if (offlineSince !== null && messages.length > 0)
    items.push({ type: 'offline', key: 'offline', since: offlineSince });
  return items;
}

function belongTogether(one: MessageView, next: MessageView): boolean {
  return (
    one.direction === next.direction &&
    one.origin === next.origin &&
    one.author === next.author &&
    one.kind !== 'system' &&
    next.kind !== 'system' &&
    next.at - one.at < TOGETHER_MS
  );
}

/**
 * The newest messages, with those before them that were loaded earlier. Where the two do not meet, what is older is
 * left out and can be loaded again, so that no gap looks like a conversation.
 */
export function joined(loaded: readonly MessageView[], newest: readonly MessageView[]): MessageView[] {
  const ids = new Set(newest.map((message) => message.id));
  const meeting = loaded.findIndex((message) => ids.has(message.id));
  if (meeting <= 0) return [...newest];
  return [...loaded.slice(0, meeting), ...newest];
}
