import { describe, expect, it } from 'vitest';
import type { MessageView } from '../../lib/platform';
import { itemsOf, joined, type Lines } from './items';

const noon = new Date(2026, 10, 17, 12, 0).getTime();
const minute = 60_000;
const said = (id: string, at: number, more: Partial<MessageView> = {}): MessageView => ({
  id,
  direction: 'inbound',
  origin: 'customer',
  kind: 'text',
  text: id,
  attachment: null,
  author: null,
  at,
  delivery: null,
  ...more,
});
const sent: Partial<MessageView> = { direction: 'outbound', origin: 'agent', delivery: { state: 'waiting' } };
const none: Lines = { firstUnread: null, offlineSince: null, closedSince: null };
const shape = (messages: MessageView[], lines: Lines = none): string[] =>
  itemsOf(messages, lines).map((item) => (item.type === 'message' ? item.key : item.type));

describe('a thread', () => {
  it('has a heading for each day', () => {
    const messages = [said('a', noon), said('b', noon + minute), said('c', noon + 24 * 60 * minute)];
    expect(shape(messages)).toEqual(['day', 'a', 'b', 'day', 'c']);
  });

  it('draws the line of unread messages before the first of them', () => {
    expect(shape([said('a', noon), said('b', noon)], { ...none, firstUnread: 'b' })).toEqual([
      'day',
      'a',
      'unread',
      'b',
    ]);
  });

  it('says when the connection went, before what was written since', () => {
    const messages = [said('a', noon), said('b', noon + 2 * minute, sent)];
    const offline = { ...none, offlineSince: noon + minute };
    expect(shape(messages, offline)).toEqual(['day', 'a', 'offline', 'b']);
    expect(shape([said('a', noon)], offline)).toEqual(['day', 'a', 'offline']);
  });

  it('says when the window closed', () => {
    expect(shape([said('a', noon)], { ...none, closedSince: noon + minute })).toEqual(['day', 'a', 'closed']);
  });

  it('draws messages of one sender together, and others apart', () => {
    const messages = [
      said('a', noon),
      said('b', noon + minute),
      said('c', noon + 2 * minute, { ...sent, author: 'Beto' }),
      said('d', noon + 3 * minute, sent),
      said('e', noon + 30 * minute, sent),
    ];
    const tight = itemsOf(messages, none).flatMap((item) => (item.type === 'message' ? [item.tight] : []));
    expect(tight).toEqual([false, true, false, false, false]);
  });

  it('never gives two items one key', () => {
    const messages = Array.from({ length: 50 }, (_, index) => said(`m${index}`, noon + index * 7 * 60 * minute));
    const keys = itemsOf(messages, { firstUnread: 'm30', offlineSince: noon, closedSince: noon }).map(
      (item) => item.key,
    );
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('newest messages and older ones', () => {
  const at = (...ids: string[]): MessageView[] => ids.map((id, index) => said(id, noon + index));
  const ids = (messages: MessageView[]): string[] => messages.map((message) => message.id);

  it('become one thread', () => {
    expect(ids(joined(at('a', 'b', 'c', 'd'), at('c', 'd', 'e')))).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('have each message once, and lose what was erased', () => {
    expect(ids(joined(at('a', 'b', 'c', 'd'), at('b', 'd', 'e')))).toEqual(['a', 'b', 'd', 'e']);
  });

  it('are not joined over a gap', () => {
    expect(ids(joined(at('a', 'b'), at('x', 'y')))).toEqual(['x', 'y']);
  });
});
