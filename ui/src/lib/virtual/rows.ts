/** Rows from `first` up to, not including, `end`. */
export interface Span {
  first: number;
  end: number;
}

/** Sizes of a list of rows of equal height that stand in groups with a heading each, in pixels. */
export interface RowLayout {
  counts: readonly number[];
  heading: number;
  row: number;
}

export const EMPTY_SPAN: Span = { first: 0, end: 0 };

export function rowCount(layout: RowLayout): number {
  return layout.counts.reduce((sum, count) => sum + count, 0);
}

/** How far down a row begins. */
export function rowTop(layout: RowLayout, index: number): number {
  let top = 0;
  let before = 0;
  for (const count of layout.counts) {
    top += layout.heading;
    if (index < before + count) return top + (index - before) * layout.row;
    top += count * layout.row;
    before += count;
  }
  return top;
}

/** The rows that a viewport shows, with `overscan` more on either side. */
export function visibleRows(layout: RowLayout, scrollTop: number, height: number, overscan: number): Span {
  const total = rowCount(layout);
  if (total === 0) return EMPTY_SPAN;
  let top = 0;
  let before = 0;
  let first = total;
  let end = 0;
  for (const count of layout.counts) {
    top += layout.heading;
    const from = Math.floor((scrollTop - top) / layout.row);
    const to = Math.ceil((scrollTop + height - top) / layout.row);
    if (to > 0 && from < count) {
      first = Math.min(first, before + Math.max(0, from));
      end = Math.max(end, before + Math.min(count, to));
    }
    top += count * layout.row;
    before += count;
  }
  if (end === 0) {
    // Scrolled past the end, as after many rows went: the last ones are shown.
    const last = Math.ceil(height / layout.row);
    return { first: Math.max(0, total - last - overscan), end: total };
  }
  return { first: Math.max(0, first - overscan), end: Math.min(total, end + overscan) };
}

/** The smallest window over `span` that starts and ends on a page, of at most `rowsMax` rows. */
export function windowOver(span: Span, pageRows: number, rowsMax: number): Span {
  const first = Math.floor(span.first / pageRows) * pageRows;
  const end = Math.ceil(span.end / pageRows) * pageRows;
  return { first, end: Math.min(end, first + rowsMax) };
}

/** Where to scroll so that a row is seen whole, or null where it is. The heading stays on top of the rows. */
export function scrollToShow(layout: RowLayout, index: number, scrollTop: number, height: number): number | null {
  const top = rowTop(layout, index);
  if (top - layout.heading < scrollTop) return Math.max(0, top - layout.heading);
  if (top + layout.row > scrollTop + height) return top + layout.row - height;
  return null;
}
