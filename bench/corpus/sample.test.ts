import { describe, expect, it } from 'vitest';
import { areaOf, sampleOf } from './sample.ts';

const paths = ['fs', 'net', 'drivers'].flatMap((area) =>
  Array.from({ length: 20 }, (_, n) => `${area}/f${n}.c`),
);

describe('sampleOf', () => {
  it('draws the same files for the same seed, and others for another', () => {
    expect(sampleOf(paths, 9, 1)).toEqual(sampleOf([...paths].reverse(), 9, 1));
    expect(sampleOf(paths, 9, 2)).not.toEqual(sampleOf(paths, 9, 1));
  });

  it('spreads over the areas', () => {
    const areas = sampleOf(paths, 9, 1).map(areaOf);
    for (const area of ['fs', 'net', 'drivers'])
      expect(areas.filter((each) => each === area)).toHaveLength(3);
  });

  it('gives all when fewer exist, each once', () => {
    const all = sampleOf(paths, 1000, 3);
    expect(all).toHaveLength(paths.length);
    expect(new Set(all).size).toBe(paths.length);
  });
});
