/**
 * Places of items of unequal height, one under the other. Heights are estimated until they are measured; `gapAbove`
 * margins belong to an item's height.
 */
export class Heights {
  readonly #measured = new Map<string, number>();
  #keys: readonly string[] = [];
  #tops: number[] = [0];

  constructor(private readonly estimate: number) {}

  /** The items, in order. What was measured of them before holds. */
  setItems(keys: readonly string[]): void {
    this.#keys = keys;
    this.#place();
  }

  /** Notes measured heights. Answers whether anything moved. */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let moved = false;
    for (const [key, height] of heights) {
      if (this.#measured.get(key) === height) continue;
      this.#measured.set(key, height);
      moved = true;
    }
    if (moved) this.#place();
    return moved;
  }

  get total(): number {
    return this.#tops[this.#keys.length] ?? 0;
  }

  /** Where an item begins; the end of everything for an index past the last one. */
  top(index: number): number {
    return this.#tops[Math.min(index, this.#keys.length)] ?? 0;
  }

  topOf(key: string): number | null {
    const index = this.#keys.indexOf(key);
    return index < 0 ? null : this.top(index);
  }

  /** The item at this distance from the top. */
  indexAt(distance: number): number {
    let low = 0;
    let high = Math.max(0, this.#keys.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= distance) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #place(): void {
    this.#tops = new Array<number>(this.#keys.length + 1);
    let top = 0;
    this.#keys.forEach((key, index) => {
      this.#tops[index] = top;
      top += this.#measured.get(key) ?? this.estimate;
    });
    this.#tops[this.#keys.length] = top;
  }
}
