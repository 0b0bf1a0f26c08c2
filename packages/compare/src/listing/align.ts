/** What the alignment of two lists sees of an item. */
export interface Alignable {
  /** Equal keys are the same item. */
  readonly key: string;
  /** Items that differ are put side by side when a shape is equal, those of the first shapes before those of the second. */
  readonly shapes?: readonly string[];
  /** For a jump inside the list: the index of the item it leads to. The same jump leads to the counterpart of that item. */
  readonly target?: number;
}

/** One row of two lists side by side; indices count from 0. */
export type AlignedRow =
  | { readonly kind: 'same' | 'changed'; readonly before: number; readonly after: number }
  | { readonly kind: 'removed'; readonly before: number; readonly after?: undefined }
  | { readonly kind: 'added'; readonly before?: undefined; readonly after: number };

/**
 * Puts two lists side by side: as many equal items in the same row as can be (a longest common subsequence), and between them
 * those of one shape. Where items are removed and added in one place, the removed ones come first.
 */
export function align(before: readonly Alignable[], after: readonly Alignable[]): AlignedRow[] {
  const numbers = new Map<string, number>();
  const keys = (items: readonly Alignable[]) => Int32Array.from(items, ({ key }) => numberOf(numbers, key));
  const pairs = commonSubsequence(keys(before), keys(after));
  const partner = new Map(pairs);
  const rows: AlignedRow[] = [];
  let i = 0;
  let j = 0;
  for (const [b, a] of [...pairs, [before.length, after.length] as const]) {
    alignGap(before, after, [i, b], [j, a], 0, rows);
    if (b < before.length || a < after.length) {
      const { target } = before[b];
      const same = (target === undefined ? undefined : partner.get(target)) === after[a].target;
      rows.push({ kind: same ? 'same' : 'changed', before: b, after: a });
    }
    i = b + 1;
    j = a + 1;
  }
  return rows;
}

/** How many levels of shapes are looked at: a bound for the recursion. */
const levels = 2;

function alignGap(
  before: readonly Alignable[],
  after: readonly Alignable[],
  [i, iEnd]: readonly [number, number],
  [j, jEnd]: readonly [number, number],
  level: number,
  rows: AlignedRow[],
): void {
  if (level === levels || i === iEnd || j === jEnd) {
    for (let b = i; b < iEnd; b++) rows.push({ kind: 'removed', before: b });
    for (let a = j; a < jEnd; a++) rows.push({ kind: 'added', after: a });
    return;
  }
  const numbers = new Map<string, number>();
  let unlike = -1;
  const shapes = (items: readonly Alignable[]) =>
    Int32Array.from(items, ({ shapes }) => {
      const shape = shapes?.[level];
      return shape === undefined ? unlike-- : numberOf(numbers, shape);
    });
  const pairs = commonSubsequence(shapes(before.slice(i, iEnd)), shapes(after.slice(j, jEnd)));
  let b = i;
  let a = j;
  for (const [x, y] of [...pairs, [iEnd - i, jEnd - j] as const]) {
    alignGap(before, after, [b, i + x], [a, j + y], level + 1, rows);
    b = i + x;
    a = j + y;
    if (b < iEnd && a < jEnd) rows.push({ kind: 'changed', before: b++, after: a++ });
  }
}

function numberOf(numbers: Map<string, number>, key: string): number {
  let number = numbers.get(key);
  if (number === undefined) {
    number = numbers.size;
    numbers.set(key, number);
  }
  return number;
}

/**
 * A longest common subsequence as pairs of indices, ascending. Memory is linear, time is the lengths times the number of differences.
 *
 * @see Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986), section 4b
 */
export function commonSubsequence(before: Int32Array, after: Int32Array): [before: number, after: number][] {
  const pairs: [number, number][] = [];
  const size = before.length + after.length + 3;
  const forward = new Int32Array(2 * size);
  const backward = new Int32Array(2 * size);
  // Ranges still to do, the last first; a pair of equal ranges has no gap.
  const open: [number, number, number, number][] = [[0, before.length, 0, after.length]];
  for (let range = open.pop(); range; range = open.pop()) {
    let [i, iEnd, j, jEnd] = range;
    while (i < iEnd && j < jEnd && before[i] === after[j]) pairs.push([i++, j++]);
    while (i < iEnd && j < jEnd && before[iEnd - 1] === after[jEnd - 1]) pairs.push([--iEnd, --jEnd]);
    if (i === iEnd || j === jEnd) continue;
    const [x, y, u, v] = middleSnake(before, i, iEnd, after, j, jEnd, forward, backward, size);
    open.push([u, iEnd, v, jEnd]);
    for (let step = 0; x + step < u; step++) pairs.push([x + step, y + step]);
    open.push([i, x, j, y]);
  }
  return pairs.sort((a, b) => a[0] - b[0]);
}

/** The run of equal items in the middle of a shortest edit script: from (x, y) to (u, v). */
function middleSnake(
  before: Int32Array,
  i: number,
  iEnd: number,
  after: Int32Array,
  j: number,
  jEnd: number,
  forward: Int32Array,
  backward: Int32Array,
  zero: number,
): [number, number, number, number] {
  const n = iEnd - i;
  const m = jEnd - j;
  const delta = n - m;
  const odd = (delta & 1) !== 0;
  forward[zero + 1] = 0;
  backward[zero + 1] = 0;
  for (let d = 0; ; d++) {
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && forward[zero + k - 1] < forward[zero + k + 1]);
      let x = down ? forward[zero + k + 1] : forward[zero + k - 1] + 1;
      let y = x - k;
      const startX = x;
      const startY = y;
      while (x < n && y < m && before[i + x] === after[j + y]) {
        x++;
        y++;
      }
      forward[zero + k] = x;
      const mirror = delta - k;
      if (odd && mirror >= -(d - 1) && mirror <= d - 1 && x + backward[zero + mirror] >= n)
        return [i + startX, j + startY, i + x, j + y];
    }
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && backward[zero + k - 1] < backward[zero + k + 1]);
      let x = down ? backward[zero + k + 1] : backward[zero + k - 1] + 1;
      let y = x - k;
      const startX = x;
      const startY = y;
      while (x < n && y < m && before[iEnd - 1 - x] === after[jEnd - 1 - y]) {
        x++;
        y++;
      }
      backward[zero + k] = x;
      const mirror = delta - k;
      if (!odd && mirror >= -d && mirror <= d && x + forward[zero + mirror] >= n)
        return [iEnd - x, jEnd - y, iEnd - startX, jEnd - startY];
    }
  }
}
