import { Refusal } from '@klpkit/findings';
import { FormatError } from '@klpkit/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareObjects } from '../changes/compare.ts';
import { compile } from '../testing/compile.ts';
import { machines } from '../testing/machines.ts';
import { mutate, randomOf } from '../testing/mutate.ts';
import { readObjectModel } from './model.ts';

const source = `
  static int hidden = 3; static noinline int inner(int n) { static int count; return external(count += n) * external(n); }
  const char *const names[] = { "one", "two" };
  int outer(int n) { if (unlikely(n == 5)) cold_external("rare"); printk("text %d", hidden); return inner(n) + 1; }
  int choose(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return 99; } return external(0); }`;

describe.each(machines)('a damaged object for $name', ({ flags, compiler }) => {
  test('gives a comparison, a FormatError or a refusal, and nothing else', async () => {
    const original = await compile(source, [], flags, compiler);
    const model = readObjectModel(original);
    let read = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        const hostile = mutate(original, randomOf(seed));
        try {
          const other = readObjectModel(hostile);
          compareObjects(model, other);
          compareObjects(other, model);
          read++;
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof Refusal)) throw error;
          // One line that says what is wrong.
          if (!/^elf: .{20,}$|^[a-zA-Z.].{20,}$/.test(error.message))
            throw new Error(`no clear line: ${error.message}`);
        }
      }),
      { numRuns: 150 },
    );
    // The premise: some get through, some do not.
    expect(read).toBeGreaterThan(10);
    expect(read).toBeLessThan(140);
  });
});
