import {
  asApiError,
  type ApiError,
  type ConversationList,
  type ConversationRow,
  type ListGroup,
  type ListView,
  type Platform,
} from '../../lib/platform';
import { windowOver, type Span } from '../../lib/virtual/rows';
import type { Refresher } from '../../lib/views/refresh';

/** Rows of a page: windows of the list start and end on one, so that scrolling asks seldom. */
const PAGE_ROWS = 50;
/** Rows that a host gives at once. */
const WINDOW_ROWS_MAX = 200;
/** How long the pointer rests before rows may change places under it, in milliseconds. */
const POINTER_REST_MS = 1_200;

export interface Counts {
  mine: number;
  unassigned: number;
  all: number;
  unread: number;
}

type Rows = ReadonlyMap<number, ConversationRow>;

/** The conversation list: which rows are here, which is selected, and how both stay right while the list lives. */
export class ListModel {
  view = $state<ListView>('mine');
  groups = $state.raw<readonly ListGroup[]>([]);
  rows = $state.raw<Rows>(new Map());
  counts = $state.raw<Counts | null>(null);
  /** Whether this view was read at least once. */
  loaded = $state(false);
  error = $state.raw<ApiError | null>(null);
  selected = $state<string | null>(null);
  /** Where the selected row stands, or stood. */
  selectedIndex = $state(0);

  readonly #platform: Platform;
  readonly #end: () => void;
  #wanted: Span = { first: 0, end: PAGE_ROWS };
  #epoch = 0;
  #held = false;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #waiting: { answer: ConversationList; offset: number } | null = null;
  readonly #asked = new Map<number, number>();

  constructor(platform: Platform, refresher: Refresher) {
    this.#platform = platform;
    this.#end = refresher.keep('list', () => this.read());
  }

  /** Stops following changes. */
  end(): void {
    clearTimeout(this.#rest);
    this.#end();
  }

  get total(): number {
    return this.groups.reduce((sum, group) => sum + group.count, 0);
  }

  /** Shows another view, from its start. */
  async show(view: ListView): Promise<void> {
    if (view !== this.view) {
      this.view = view;
      this.loaded = false;
      this.groups = [];
      this.rows = new Map();
      this.selectedIndex = 0;
      this.#waiting = null;
      this.#wanted = { first: 0, end: PAGE_ROWS };
    }
    await this.read();
  }

  /** Reads the rows on the screen again. */
  async read(): Promise<void> {
    this.#epoch += 1;
    const epoch = this.#epoch;
    this.#asked.clear();
    const span = windowOver(this.#wanted, PAGE_ROWS, WINDOW_ROWS_MAX);
    try {
      const answer = await this.#ask(span);
      if (epoch !== this.#epoch) return;
      this.error = null;
      if (this.#held && this.loaded) this.#applyInPlace(answer, span.first);
      else this.#apply(answer, span.first);
    } catch (thrown) {
      // What is on the screen stays; a callout says that it may be old.
      if (epoch === this.#epoch) this.error = asApiError(thrown);
    }
  }

  /** These rows are on the screen: reads those that are missing. */
  async need(span: Span): Promise<void> {
    this.#wanted = span;
    if (!this.loaded) return;
    const window = windowOver(span, PAGE_ROWS, WINDOW_ROWS_MAX);
    const missing: number[] = [];
    for (let page = window.first; page < window.end; page += PAGE_ROWS) {
      if (this.#asked.get(page) === this.#epoch || this.#has(page)) continue;
      missing.push(page);
    }
    const first = missing[0];
    const last = missing[missing.length - 1];
    if (first === undefined || last === undefined) return;
    const epoch = this.#epoch;
    for (const page of missing) this.#asked.set(page, epoch);
    try {
      const asked = { first, end: last + PAGE_ROWS };
      const answer = await this.#ask(asked);
      if (epoch === this.#epoch) this.#add(answer.rows, asked.first);
    } catch (thrown) {
      if (epoch !== this.#epoch) return;
      for (const page of missing) this.#asked.delete(page);
      this.error = asApiError(thrown);
    }
  }

  /** The pointer moves over the list: rows keep their places until it rests, so that no click hits another row. */
  pointerMoved(): void {
    this.#held = true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.pointerRests(), POINTER_REST_MS);
  }

  /** The pointer rests or left. */
  pointerRests(): void {
    clearTimeout(this.#rest);
    this.#held = false;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) this.#apply(waiting.answer, waiting.offset);
  }

  select(row: ConversationRow, index: number): void {
    this.selected = row.id;
    this.selectedIndex = index;
  }

  /** Selects the row that is `step` further. Answers it, or null at the end of the list. */
  async move(step: number): Promise<ConversationRow | null> {
    if (this.total === 0) return null;
    if (this.selected === null) return this.moveTo(0);
    const here = this.rows.get(this.selectedIndex);
    // The selected row may have left the list: then the one in its place is the next.
    const left = here !== undefined && here.id !== this.selected;
    return this.moveTo(this.selectedIndex + (left && step > 0 ? step - 1 : step));
  }

  /** Selects the row at a place, the first or last one where it would be outside. */
  async moveTo(index: number): Promise<ConversationRow | null> {
    const target = Math.min(this.total - 1, Math.max(0, index));
    if (target < 0) return null;
    if (!this.rows.has(target)) await this.need({ first: target, end: target + 1 });
    const row = this.rows.get(target);
    if (row === undefined) return null;
    this.select(row, target);
    return row;
  }

  /** The row to go to when the selected one leaves the list. */
  neighbour(): ConversationRow | null {
    const at = this.selectedIndex;
    return this.rows.get(at + 1) ?? this.rows.get(at - 1) ?? null;
  }

  /** The row of a conversation, where it is loaded. */
  rowOf(id: string): ConversationRow | null {
    for (const row of this.rows.values()) if (row.id === id) return row;
    return null;
  }

  #ask(span: Span): Promise<ConversationList> {
    return this.#platform.call('list', { view: this.view, offset: span.first, limit: span.end - span.first });
  }

  #has(page: number): boolean {
    const end = Math.min(page + PAGE_ROWS, this.total);
    for (let index = page; index < end; index += 1) if (!this.rows.has(index)) return false;
    return true;
  }

  #apply(answer: ConversationList, offset: number): void {
    const rows = new Map<number, ConversationRow>();
    answer.rows.forEach((row, at) => rows.set(offset + at, row));
    this.#takeCounts(answer);
    this.groups = answer.groups;
    this.rows = rows;
    this.loaded = true;
    this.#findSelected();
    void this.need(this.#wanted);
  }

  /** While the pointer moves: what the rows say changes, where they stand does not. */
  #applyInPlace(answer: ConversationList, offset: number): void {
    this.#waiting = { answer, offset };
    this.#takeCounts(answer);
    const news = new Map(answer.rows.map((row) => [row.id, row]));
    this.rows = new Map([...this.rows].map(([index, row]) => [index, news.get(row.id) ?? row]));
  }

  /** Adds rows of a list that did not change otherwise. No conversation stands in it twice. */
  #add(added: readonly ConversationRow[], offset: number): void {
    const ids = new Set(added.map((row) => row.id));
    const rows = new Map([...this.rows].filter(([, row]) => !ids.has(row.id)));
    added.forEach((row, at) => rows.set(offset + at, row));
    this.rows = rows;
    this.#findSelected();
  }

  #takeCounts(answer: ConversationList): void {
    this.counts = { mine: answer.mine, unassigned: answer.unassigned, all: answer.all, unread: answer.unread_total };
  }

  #findSelected(): void {
    if (this.selected === null) return;
    for (const [index, row] of this.rows) if (row.id === this.selected) this.selectedIndex = index;
    this.selectedIndex = Math.min(this.selectedIndex, Math.max(0, this.total - 1));
  }
}
