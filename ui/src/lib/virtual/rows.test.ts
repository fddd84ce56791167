import { describe, expect, it } from 'vitest';
import { rowTop, scrollToShow, visibleRows, windowOver, type RowLayout } from './rows';

const layout: RowLayout = { counts: [5, 7], heading: 28, row: 72 };

describe('the rows of a list', () => {
  it('begin under their group heading', () => {
    expect(rowTop(layout, 0)).toBe(28);
    expect(rowTop(layout, 4)).toBe(28 + 4 * 72);
    expect(rowTop(layout, 5)).toBe(28 + 5 * 72 + 28);
  });

  it('are drawn where the viewport is, and nowhere else', () => {
    const long: RowLayout = { counts: [1_000, 19_000], heading: 28, row: 72 };
    const span = visibleRows(long, rowTop(long, 10_000), 720, 5);
    expect(span).toEqual({ first: 9_995, end: 10_015 });
  });

  it('are drawn over the border between two groups', () => {
    expect(visibleRows(layout, 28 + 4 * 72, 200, 0)).toEqual({ first: 4, end: 7 });
  });

  it('never leave the list', () => {
    expect(visibleRows(layout, 0, 10_000, 50)).toEqual({ first: 0, end: 12 });
    expect(visibleRows({ ...layout, counts: [] }, 0, 500, 5)).toEqual({ first: 0, end: 0 });
  });

  it('are the last ones after the list became shorter than what was scrolled', () => {
    expect(visibleRows(layout, 99_999, 144, 0)).toEqual({ first: 10, end: 12 });
  });

  it('every row is drawn at some place of the scroll bar', () => {
    const seen = new Set<number>();
    for (let top = 0; top < 28 * 2 + 12 * 72; top += 36) {
      const { first, end } = visibleRows(layout, top, 144, 0);
      for (let index = first; index < end; index += 1) seen.add(index);
    }
    expect(seen.size).toBe(12);
  });
});

describe('the window asked for', () => {
  it('covers the span on whole pages', () => {
    expect(windowOver({ first: 60, end: 90 }, 50, 200)).toEqual({ first: 50, end: 100 });
    expect(windowOver({ first: 95, end: 105 }, 50, 200)).toEqual({ first: 50, end: 150 });
  });

  it('is no larger than a host gives', () => {
    expect(windowOver({ first: 40, end: 400 }, 50, 200)).toEqual({ first: 0, end: 200 });
  });
});

describe('showing a row', () => {
  it('does not move a list in which it is seen whole', () => {
    expect(scrollToShow(layout, 2, 0, 400)).toBeNull();
  });

  it('moves no further than needed, and not under the heading', () => {
    expect(scrollToShow(layout, 11, 0, 400)).toBe(28 * 2 + 12 * 72 - 400);
    expect(scrollToShow(layout, 3, 400, 400)).toBe(28 + 3 * 72 - 28);
  });
});
