import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { REFRESH_MS_MIN, Refresher, viewKey } from './refresh';

describe('reading views again', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('reads a view at once when it changes', () => {
    const refresher = new Refresher();
    const reader = vi.fn(async () => {});
    refresher.keep('list', reader);

    refresher.changed(['list']);

    expect(reader).toHaveBeenCalledTimes(1);
  });

  it('reads a view at most once per frame, however often it changes', async () => {
    const refresher = new Refresher();
    const reader = vi.fn(async () => {});
    refresher.keep('list', reader);

    for (let ms = 0; ms < 10 * REFRESH_MS_MIN; ms += 1) {
      refresher.changed(['list']);
      await vi.advanceTimersByTimeAsync(1);
    }

    expect(reader.mock.calls.length).toBeGreaterThanOrEqual(9);
    expect(reader.mock.calls.length).toBeLessThanOrEqual(11);
  });

  it('reads once more after the last change of a burst', async () => {
    const refresher = new Refresher();
    let stored = 0;
    let shown = -1;
    refresher.keep('status', async () => void (shown = stored));

    for (stored = 1; stored < 5; stored += 1) refresher.changed(['status']);
    await vi.advanceTimersByTimeAsync(REFRESH_MS_MIN);

    expect(shown).toBe(5);
  });

  it('never reads a view twice at the same time, and again after a slow read', async () => {
    const refresher = new Refresher();
    let running = 0;
    let most = 0;
    let reads = 0;
    refresher.keep('list', async () => {
      running += 1;
      reads += 1;
      most = Math.max(most, running);
      await new Promise((done) => setTimeout(done, 100));
      running -= 1;
    });

    refresher.changed(['list']);
    await vi.advanceTimersByTimeAsync(50);
    refresher.changed(['list']);
    await vi.advanceTimersByTimeAsync(200);

    expect(most).toBe(1);
    expect(reads).toBe(2);
  });

  it('holds views apart from each other, and threads too', () => {
    const refresher = new Refresher();
    const one = vi.fn(async () => {});
    const other = vi.fn(async () => {});
    refresher.keep(viewKey({ view: 'thread', conversation: 'a' }), one);
    refresher.keep(viewKey({ view: 'thread', conversation: 'b' }), other);

    refresher.changed([viewKey({ view: 'thread', conversation: 'b' })]);

    expect(one).not.toHaveBeenCalled();
    expect(other).toHaveBeenCalledTimes(1);
  });

  it('reads every view again when everything changed', () => {
    const refresher = new Refresher();
    const readers = ['session', 'list', 'thread:a'].map((key) => {
      const reader = vi.fn(async () => {});
      refresher.keep(key, reader);
      return reader;
    });

    refresher.tell([{ view: 'everything' }]);

    for (const reader of readers) expect(reader).toHaveBeenCalledTimes(1);
  });

  it('reads what the host names and nothing else', () => {
    const refresher = new Refresher();
    const list = vi.fn(async () => {});
    const thread = vi.fn(async () => {});
    refresher.keep('list', list);
    refresher.keep('thread:a', thread);

    refresher.tell([{ view: 'thread', conversation: 'a' }]);

    expect(list).not.toHaveBeenCalled();
    expect(thread).toHaveBeenCalledTimes(1);
  });

  it('reads nothing any more once that was ended', async () => {
    const refresher = new Refresher();
    const reader = vi.fn(async () => {});
    const end = refresher.keep('list', reader);
    refresher.changed(['list']);
    refresher.changed(['list']);

    end();
    await vi.advanceTimersByTimeAsync(REFRESH_MS_MIN * 2);

    expect(reader).toHaveBeenCalledTimes(1);
  });
});
