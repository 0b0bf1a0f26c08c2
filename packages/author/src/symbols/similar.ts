/** Most names that are suggested. */
const most = 4;

/**
 * Names that may have been meant by one that does not exist: clones of it (`name.isra.0`), the same with other underscores, and
 * those that differ in few letters. The nearest first, then by alphabet.
 */
export function similarNames(name: string, all: Iterable<string>): string[] {
  const stem = stripped(name);
  const allowed = Math.min(3, Math.floor(name.length / 4));
  const found = new Map<string, number>();
  for (const other of all) {
    if (other === name || found.has(other)) continue;
    if (other.startsWith(`${name}.`)) found.set(other, 0);
    else if (stripped(other) === stem) found.set(other, 1);
    else if (Math.abs(other.length - name.length) <= allowed && distance(name, other, allowed) <= allowed)
      found.set(other, 1 + distance(name, other, allowed));
  }
  return [...found]
    .sort(([a, one], [b, two]) => one - two || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([other]) => other);
}

const stripped = (name: string) => name.replace(/^_+/, '');

/** Letters to insert, remove or replace; more than `limit` stands for all that is further away. */
function distance(a: string, b: string, limit: number): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const kept = (before[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const cost = Math.min(kept, (before[j] as number) + 1, (row[j - 1] as number) + 1);
      row.push(cost);
      if (cost < least) least = cost;
    }
    if (least > limit) return limit + 1;
    before = row;
  }
  return before[b.length] as number;
}
