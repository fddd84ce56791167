import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommandName, Platform } from '../../lib/platform';
import { ComposerModel, TEXT_CHARACTERS_MAX } from './composer.svelte';

/** A host that notes what it is asked, and answers when the test says so. */
class Host implements Platform {
  readonly asked: [name: CommandName, text: string][] = [];
  refuses = false;
  #answers: (() => void)[] = [];

  // The composer asks for nothing that has a response worth looking at.
  call = vi.fn(async (name: CommandName, request: object) => {
    this.asked.push([name, 'text' in request ? String(request.text) : '']);
    const refused = this.refuses;
    await new Promise<void>((answer) => this.#answers.push(answer));
    if (refused) throw { code: 'storage', retry_after_ms: null };
    return {};
  }) as unknown as Platform['call'];

  onViewsChanged(): () => void {
    return () => {};
  }

  async answer(): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    this.#answers.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
  }
}

function type(model: ComposerModel, text: string): void {
  model.text = text;
  model.typed();
}

describe('the composer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const opened = (): { host: Host; model: ComposerModel } => {
    const host = new Host();
    const model = new ComposerModel(host);
    model.open('a');
    return { host, model };
  };

  it('keeps the draft once typing pauses, and not at every key', async () => {
    const { host, model } = opened();
    for (const text of ['H', 'Ho', 'Hol', 'Hola']) {
      type(model, text);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(host.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.asked).toEqual([['save_draft', 'Hola']]);
  });

  it('keeps the draft of the conversation that is left, at once', async () => {
    const { host, model } = opened();
    type(model, 'Hola');
    model.open('b');
    await vi.advanceTimersByTimeAsync(0);
    expect(host.asked).toEqual([['save_draft', 'Hola']]);
    expect(model.text).toBe('');
  });

  it('does not let an older save overtake a newer one', async () => {
    const { host, model } = opened();
    type(model, 'one');
    void model.flush();
    type(model, 'one two');
    void model.flush();
    await vi.advanceTimersByTimeAsync(0);
    expect(host.asked).toEqual([['save_draft', 'one']]);
    await host.answer();
    expect(host.asked).toEqual([
      ['save_draft', 'one'],
      ['save_draft', 'one two'],
    ]);
  });

  it('takes over a stored draft, but never over what was typed since it was asked for', () => {
    const { model } = opened();
    const version = model.version;
    type(model, 'newer');
    model.adopt('older', version);
    expect(model.text).toBe('newer');

    model.open('b');
    model.adopt('stored', model.version);
    expect(model.text).toBe('stored');
  });

  it('takes over the draft of the next conversation while that of the last one is still being kept', async () => {
    const { host, model } = opened();
    type(model, 'for a');
    model.open('b');
    const version = model.version;
    await host.answer();
    model.adopt('for b', version);
    expect(model.text).toBe('for b');
  });

  it('has the draft of a conversation that is opened again before it was kept', () => {
    const { model } = opened();
    type(model, 'for a');
    model.open('b');
    model.open('a');
    expect(model.text).toBe('for a');
  });

  it('does not bring back what was just sent, when a read from before is late', async () => {
    const { host, model } = opened();
    type(model, 'sent');
    const version = model.version;
    const sending = model.send();
    await host.answer();
    await host.answer();
    expect(await sending).toBe(true);
    model.adopt('sent', version);
    expect(model.text).toBe('');
  });

  it('has the whole text kept before it is sent', async () => {
    const { host, model } = opened();
    type(model, 'all of it');
    void model.send();
    await host.answer();
    expect(host.asked).toEqual([
      ['save_draft', 'all of it'],
      ['reply', 'all of it'],
    ]);
  });

  it('keeps what is typed while a reply is on its way', async () => {
    const { host, model } = opened();
    type(model, 'first');
    const sending = model.send();
    await host.answer();
    model.text = 'first and second';
    await host.answer();
    await sending;
    expect(model.text).toBe('and second');
  });

  it('keeps the text of a reply that was not taken, and why', async () => {
    const { host, model } = opened();
    type(model, 'do not lose me');
    const sending = model.send();
    await vi.advanceTimersByTimeAsync(0);
    host.refuses = true;
    await host.answer();
    await host.answer();
    expect(await sending).toBe(false);
    expect(model.text).toBe('do not lose me');
    expect(model.error?.code).toBe('storage');
  });

  it('has a draft that could not be kept when its conversation is open again', async () => {
    const { host, model } = opened();
    host.refuses = true;
    type(model, 'half');
    model.open('b');
    await vi.advanceTimersByTimeAsync(0);
    await host.answer();
    model.open('a');
    expect(model.text).toBe('half');
    expect(model.draftFailed).toBe(true);
  });

  it('sends nothing empty and nothing too long', () => {
    const { model } = opened();
    type(model, '  \n ');
    expect(model.canSend).toBe(false);
    type(model, '😀'.repeat(TEXT_CHARACTERS_MAX));
    expect(model.canSend).toBe(true);
    expect(model.left).toBe(0);
    type(model, '😀'.repeat(TEXT_CHARACTERS_MAX + 1));
    expect(model.canSend).toBe(false);
    expect(model.left).toBe(-1);
  });
});
