/** A generator of numbers in [0, 1) from a seed: mulberry32, so that a sample can be drawn again. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The items in an order drawn from the seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const list = [...items];
  shuffle(list, random(seed));
  return list;
}

/** The part of the tree that a file stands for. */
export function areaOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

/**
 * `count` of the paths, spread over their areas: each area gives in turn until it is empty, in an order drawn from the seed.
 * The same paths and seed give the same sample.
 */
export function sampleOf(paths: readonly string[], count: number, seed: number): string[] {
  const next = random(seed);
  const areas = new Map<string, string[]>();
  for (const path of [...paths].sort()) {
    const area = areaOf(path);
    const list = areas.get(area);
    if (list) list.push(path);
    else areas.set(area, [path]);
  }
  for (const list of areas.values()) shuffle(list, next);
  const sample: string[] = [];
  while (sample.length < count) {
    const before = sample.length;
    for (const area of [...areas.keys()].sort()) {
      const path = areas.get(area)?.pop();
      if (path !== undefined && sample.length < count) sample.push(path);
    }
    if (sample.length === before) break;
  }
  return sample.sort();
}

function shuffle<T>(list: T[], next: () => number): void {
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(next() * (index + 1));
    [list[index], list[other]] = [list[other], list[index]];
  }
}
