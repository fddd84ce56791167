import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConversationList, ConversationRow, ListQuery, Platform } from '../../lib/platform';
import { Refresher } from '../../lib/views/refresh';
import { ListModel } from './list.svelte';

const row = (id: string, unread = 0): ConversationRow => ({
  id,
  name: id,
  has_name: true,
  queue: null,
  status: 'open',
  priority: 'normal',
  assignee: null,
  preview: null,
  draft: null,
  unread,
  last_message_at: 0,
  waiting_since: 0,
  window: { state: 'closed', since: null },
});

/** A host with a list of names. */
class Host implements Platform {
  asked: ListQuery[] = [];
  fails = false;

  constructor(public ids: string[]) {}

  call = vi.fn(async (_: string, query: ListQuery): Promise<ConversationList> => {
    this.asked.push(query);
    if (this.fails) throw { code: 'storage', retry_after_ms: null };
    return {
      groups: this.ids.length > 0 ? [{ kind: 'needs_reply', count: this.ids.length }] : [],
      rows: this.ids.slice(query.offset, query.offset + Math.min(200, query.limit)).map((id) => row(id)),
      unread_total: 0,
      mine: this.ids.length,
      unassigned: 0,
      all: this.ids.length,
    };
  }) as unknown as Platform['call'];

  onViewsChanged(): () => void {
    return () => {};
  }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);
const order = (model: ListModel): string[] => [...model.rows].sort(([a], [b]) => a - b).map(([, { id }]) => id);

describe('the conversation list', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const read = async (ids: string[]): Promise<{ host: Host; model: ListModel }> => {
    const host = new Host(ids);
    const model = new ListModel(host, new Refresher());
    await model.read();
    return { host, model };
  };

  it('asks for the rows on the screen, and for none twice', async () => {
    const { host, model } = await read(names(20_000));
    await model.need({ first: 10_010, end: 10_030 });
    await model.need({ first: 10_012, end: 10_032 });
    expect(host.asked.map(({ offset, limit }) => [offset, limit])).toEqual([
      [0, 50],
      [10_000, 50],
    ]);
    expect(model.rows.get(10_020)?.id).toBe('c10020');
  });

  it('reads only what is on the screen again when something changed', async () => {
    const { host, model } = await read(names(20_000));
    await model.need({ first: 10_010, end: 10_030 });
    host.asked = [];
    await model.read();
    expect(host.asked.map(({ offset, limit }) => [offset, limit])).toEqual([[10_000, 50]]);
    expect(model.rows.size).toBe(50);
  });

  it('has no conversation twice when it moved between two windows', async () => {
    const { host, model } = await read(names(100));
    host.ids = [...names(100).slice(1), 'c0'];
    await model.need({ first: 50, end: 100 });
    const ids = order(model);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('goes to the next row, also when the selected one left the list', async () => {
    const { host, model } = await read(['a', 'b', 'c']);
    await model.move(1);
    expect((await model.move(1))?.id).toBe('b');
    host.ids = ['a', 'c'];
    await model.read();
    expect((await model.move(1))?.id).toBe('c');
    expect((await model.move(1))?.id).toBe('c');
    expect((await model.move(-1))?.id).toBe('a');
  });

  it('goes on from where the selected row stands now', async () => {
    const { host, model } = await read(['a', 'b', 'c', 'd']);
    await model.moveTo(0);
    host.ids = ['x', 'y', 'a', 'b', 'c', 'd'];
    await model.read();
    expect((await model.move(1))?.id).toBe('b');
  });

  it('loads the row it goes to', async () => {
    const { model } = await read(names(20_000));
    expect((await model.moveTo(19_999))?.id).toBe('c19999');
    expect((await model.moveTo(99_999))?.id).toBe('c19999');
  });

  it('keeps rows in their places while the pointer moves, and moves them once it rests', async () => {
    const { host, model } = await read(['a', 'b', 'c']);
    model.pointerMoved();
    host.ids = ['c', 'a', 'b'];
    await model.read();
    expect(order(model)).toEqual(['a', 'b', 'c']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(order(model)).toEqual(['c', 'a', 'b']);
  });

  it('keeps what it shows when it cannot be read again, and says so', async () => {
    const { host, model } = await read(['a', 'b']);
    host.fails = true;
    await model.read();
    expect(order(model)).toEqual(['a', 'b']);
    expect(model.error?.code).toBe('storage');
    host.fails = false;
    await model.read();
    expect(model.error).toBeNull();
  });

  it('does not show the answer of a view that was left', async () => {
    const { host, model } = await read(['a']);
    const answers: ((list: ConversationList) => void)[] = [];
    host.call = (() => new Promise((answer) => answers.push(answer))) as unknown as Platform['call'];
    const list = (id: string): ConversationList => ({
      groups: [{ kind: 'needs_reply', count: 1 }],
      rows: [row(id)],
      unread_total: 0,
      mine: 1,
      unassigned: 1,
      all: 2,
    });
    const first = model.show('unassigned');
    const second = model.show('all');
    answers[1]?.(list('all'));
    answers[0]?.(list('unassigned'));
    await Promise.all([first, second]);
    expect(order(model)).toEqual(['all']);
  });
});
