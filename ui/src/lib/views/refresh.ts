import type { View } from '../platform';

/** Shortest time between two reads of one view, in milliseconds: one frame. Nobody sees more. */
export const REFRESH_MS_MIN = 16;

/** Reads a view and shows it, or shows that it could not. It never fails. */
type Reader = () => Promise<void>;

interface Slot {
  reader: Reader;
  startedAt: number;
  running: boolean;
  wanted: boolean;
  ended: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The name under which a view is read again. */
export function viewKey(view: View): string {
  return view.view === 'thread' ? `thread:${view.conversation}` : view.view;
}

/**
 * Reads views again when told that they changed: at once where it can, at most once per `REFRESH_MS_MIN` and view,
 * never twice at the same time, and always once more after the last change.
 */
export class Refresher {
  readonly #slots = new Map<string, Slot>();

  /** Keeps a view current from now on. The answer ends it. */
  keep(key: string, reader: Reader): () => void {
    const slot: Slot = {
      reader,
      startedAt: -REFRESH_MS_MIN,
      running: false,
      wanted: false,
      ended: false,
      timer: undefined,
    };
    this.#slots.set(key, slot);
    return () => {
      slot.ended = true;
      clearTimeout(slot.timer);
      if (this.#slots.get(key) === slot) this.#slots.delete(key);
    };
  }

  /** The host says that these views changed. */
  tell(views: readonly View[]): void {
    const everything = views.some((view) => view.view === 'everything');
    this.changed(everything ? [...this.#slots.keys()] : views.map(viewKey));
  }

  /** These views are to be read again. */
  changed(keys: Iterable<string>): void {
    for (const key of keys) {
      const slot = this.#slots.get(key);
      if (slot === undefined) continue;
      slot.wanted = true;
      this.#start(slot);
    }
  }

  #start(slot: Slot): void {
    if (slot.ended || slot.running || slot.timer !== undefined) return;
    const wait = slot.startedAt + REFRESH_MS_MIN - performance.now();
    if (wait > 0) {
      slot.timer = setTimeout(() => {
        slot.timer = undefined;
        this.#start(slot);
      }, wait);
      return;
    }
    slot.wanted = false;
    slot.running = true;
    slot.startedAt = performance.now();
    void slot.reader().finally(() => {
      slot.running = false;
      if (slot.wanted) this.#start(slot);
    });
  }
}
