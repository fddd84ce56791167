import { describe, expect, it } from 'vitest';
import { Heights } from './heights';

describe('items of unequal height', () => {
  it('stand one under the other, measured or estimated', () => {
    const heights = new Heights(50);
    heights.setItems(['a', 'b', 'c']);
    heights.measure([['b', 120]]);
    expect([heights.top(0), heights.top(1), heights.top(2), heights.total]).toEqual([0, 50, 170, 220]);
  });

  it('keep their measured height when others come before them', () => {
    const heights = new Heights(50);
    heights.setItems(['b']);
    heights.measure([['b', 120]]);
    heights.setItems(['a', 'b', 'c']);
    expect(heights.topOf('c')).toBe(170);
  });

  it('are found by their distance from the top', () => {
    const heights = new Heights(50);
    heights.setItems(['a', 'b', 'c']);
    heights.measure([['b', 120]]);
    expect([0, 49, 50, 169, 170, 9_999].map((distance) => heights.indexAt(distance))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('tell whether anything moved', () => {
    const heights = new Heights(50);
    heights.setItems(['a']);
    expect(heights.measure([['a', 70]])).toBe(true);
    expect(heights.measure([['a', 70]])).toBe(false);
  });

  it('may be none', () => {
    const heights = new Heights(50);
    heights.setItems([]);
    expect([heights.total, heights.indexAt(10), heights.topOf('a')]).toEqual([0, 0, null]);
  });
});
