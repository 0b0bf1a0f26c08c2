import { describe, expect, test } from 'vitest';
import type { ObjectModel } from '../index.ts';
import { beforeOf, bytesAt, type ImageSymbols, linkImage, onlyAddress } from '../testing/link.ts';
import { matchImage } from './match.ts';
import type { UnitMatch } from './types.ts';

const rest = `
  int external(int x) { return x + 1; }
  void use(const void *p) { asm volatile("" : : "r"(p)); }
  void __fentry__(void) {}`;

/** Where unit number `at` of those that define `name` has it: the linker keeps their order. */
function nth(image: { symbols: ImageSymbols }, name: string, at: number): number {
  return image.symbols.addresses(name)[at];
}

function positionOf(match: UnitMatch, before: ObjectModel, name: string) {
  const [piece, ...more] = before.named(name);
  expect(more).toEqual([]);
  const answer = match.positionOf(piece);
  return answer.ok ? answer.value.sympos : answer.reason;
}

function verdictOf(match: UnitMatch, name: string) {
  return match.functions.find((found) => found.name === name)?.verdict;
}

describe('static functions of one name and equal code', () => {
  const twin = 'static noinline int used twin(int x) { return external(x) * 3; }';

  test('are told apart by who calls them', async () => {
    const units = [1, 2, 3].map((n) => `${twin} int caller${n}(int x) { return twin(x) + ${n}; }`);
    const image = await linkImage([rest, ...units]);
    expect(image.symbols.find('twin')).toHaveLength(3);
    for (const [index, unit] of units.entries()) {
      const before = await beforeOf(unit);
      const match = matchImage(before, image);
      expect(match.counts).toMatchObject({ identical: 2 });
      expect(match.placeOf(before.named('twin')[0])).toEqual({
        kind: 'image',
        address: nth(image, 'twin', index),
      });
      expect(positionOf(match, before, 'twin')).toBe(index + 1);
    }
  });

  test('or by a table with a pointer to them, itself found by its name alone', async () => {
    const units = [1, 2].map((n) => `${twin} int (*table${n}[])(int) = { 0, twin };`);
    const image = await linkImage([rest, ...units]);
    for (const [index, unit] of units.entries()) {
      const before = await beforeOf(unit);
      expect(positionOf(matchImage(before, image), before, 'twin')).toBe(index + 1);
    }
  });

  test('or by the function beside them', async () => {
    const units = [1, 2].map((n) => `int other${n}(int x) { return external(x) + ${n}; } ${twin}`);
    const image = await linkImage([rest, ...units]);
    for (const [index, unit] of units.entries()) {
      const before = await beforeOf(unit);
      expect(
        before
          .referencesOf(before.named(`other${index + 1}`)[0])
          .some(({ target }) => target.kind === 'piece'),
      ).toBe(false);
      expect(positionOf(matchImage(before, image), before, 'twin')).toBe(index + 1);
    }
  });

  test('or not at all: the code is proven, the place is not', async () => {
    const before = await beforeOf(twin);
    const match = matchImage(before, await linkImage([rest, twin, twin]));
    expect(verdictOf(match, 'twin')).toBe('identical');
    expect(match.placeOf(before.named('twin')[0])).toBeUndefined();
    expect(positionOf(match, before, 'twin')).toContain('2 functions twin of the shipped kernel are equal');
  });

  test('while a global function of that name is none of them', async () => {
    const global = 'int twin(int x) { return external(x) * 3; }';
    const image = await linkImage([rest, global, twin]);
    const local = await beforeOf(twin);
    expect(positionOf(matchImage(local, image), local, 'twin')).toBe(2);
    const other = await beforeOf(global);
    expect(positionOf(matchImage(other, image), other, 'twin')).toBe(1);
    // And an undefined symbol can only be the global one.
    const caller = await beforeOf('extern int twin(int); int absent(int x) { return twin(x); }');
    expect(matchImage(caller, image).externalPosition('twin')).toEqual({
      ok: true,
      value: { name: 'twin', sympos: 1, unique: false },
    });
  });
});

describe('static variables of one name', () => {
  const unit = (n: number) => `
    static int state = ${n};
    int read${n}(void) { return external(state); }
    void write${n}(int x) { state = x; external(x); }
    void both${n}(int x) { external(state); state = x + ${n}; }`;

  test('are where the functions of the unit look', async () => {
    const image = await linkImage([rest, unit(1), unit(2)]);
    for (const n of [1, 2]) {
      const before = await beforeOf(unit(n));
      expect(positionOf(matchImage(before, image), before, 'state')).toBe(n);
    }
  });

  test('and a function that looks at another is different', async () => {
    const image = await linkImage([rest, unit(1), unit(2)]);
    const before = await beforeOf(unit(1));
    const read = before.named('read1')[0];
    const reference = before
      .referencesOf(read)
      .find(({ target }) => target.kind === 'piece' && target.piece.name === 'state');
    if (!reference) throw new Error('no reference to state');
    const place = onlyAddress(image, 'read1') + reference.offset - read.start;
    const field = bytesAt(image, place, 4);
    const view = new DataView(field.buffer, field.byteOffset, 4);
    const distance = nth(image, 'state', 1) - nth(image, 'state', 0);
    expect(distance).toBeGreaterThan(0);
    view.setInt32(0, view.getInt32(0, true) + distance, true);
    const match = matchImage(before, image);
    expect(verdictOf(match, 'write1')).toBe('identical');
    expect(verdictOf(match, 'both1')).toBe('identical');
    expect(match.functions.find(({ name }) => name === 'read1')?.difference).toMatchObject({
      offset: reference.offset - read.start,
      what: 'target',
    });
    expect(positionOf(match, before, 'state')).toBe(1);
  });

  test('a global one that nobody refers to is the global symbol, a static one is not known', async () => {
    const image = await linkImage([rest, 'static int used lone = 1;', 'int lone = 2;']);
    const global = await beforeOf('int lone = 2;');
    expect(positionOf(matchImage(global, image), global, 'lone')).toBe(2);
    const local = await beforeOf('static int used lone = 1;');
    expect(positionOf(matchImage(local, image), local, 'lone')).toContain('2 symbols lone');
  });

  test('per-CPU ones have their offset for a place', async () => {
    const percpu = (n: number) => `
      static int section(".data..percpu") slot;
      int get${n}(void) { int x; asm("movl %%gs:%1, %0" : "=r"(x) : "m"(slot)); return external(x); }`;
    const image = await linkImage([rest, percpu(1), percpu(2)]);
    const [, second] = image.symbols.addresses('slot');
    expect(second).toBeGreaterThan(0);
    const before = await beforeOf(percpu(2));
    const match = matchImage(before, image);
    expect(match.placeOf(before.named('slot')[0])).toEqual({ kind: 'image', address: second });
    expect(positionOf(match, before, 'slot')).toBe(2);
  });
});
