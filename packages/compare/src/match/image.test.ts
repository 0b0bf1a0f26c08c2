import { describe, expect, test } from 'vitest';
import { readRelocationList } from '../index.ts';
import { beforeOf, bytesAt, exactOf, linkImage, onlyAddress } from '../testing/link.ts';
import { matchImage } from './match.ts';
import type { UnitMatch } from './types.ts';

/** What every image needs: the functions that the units call. */
const rest = `
  int external(int x) { return x + 1; }
  int other_external(int x) { return x + 2; }
  int printk(const char *format, ...) { return 0; }
  void use(const void *p) { asm volatile("" : : "r"(p)); }
  void __fentry__(void) {}`;

function verdicts(match: UnitMatch): Record<string, string> {
  return Object.fromEntries(match.functions.map(({ name, verdict }) => [name, verdict]));
}

function resultOf(match: UnitMatch, name: string) {
  const found = match.functions.find((entry) => entry.name === name);
  if (!found) throw new Error(`no function ${name}`);
  return found;
}

const plain = `
  extern int other_external(int);
  static int counter;
  int limit = 7;
  static noinline int step(int x) { return external(x) + counter++; }
  int visible(int x) { if (x > limit) printk("too many: %d, \\u00fcber\\n", x); return step(x) * 5; }
  int table_of(int x) { static const int squares[] = { 0, 1, 4, 9, 16 }; return squares[x & 3] + step(x); }`;

describe('a unit that the image holds', () => {
  test('matches in every function, and its pieces are where the linker put them', async () => {
    const image = await linkImage([rest, plain]);
    const before = await beforeOf(plain);
    const match = matchImage(before, image);
    expect(verdicts(match)).toEqual({ step: 'identical', visible: 'identical', table_of: 'identical' });
    expect(match.counts).toMatchObject({ identical: 3, different: 0 });
    expect(resultOf(match, 'visible').targetsChecked).toBe(
      before.referencesOf(before.named('visible')[0]).length,
    );
    for (const name of ['step', 'visible', 'counter', 'limit'])
      expect(match.placeOf(before.named(name)[0])).toEqual({
        kind: 'image',
        address: onlyAddress(image, name),
      });
    expect(match.positionOf(before.named('step')[0])).toEqual({
      ok: true,
      value: { name: 'step', sympos: 0, unique: true },
    });
    expect(match.externalPlace('printk')).toEqual({
      ok: true,
      value: { kind: 'image', address: onlyAddress(image, 'printk') },
    });
  });

  test('the relocation list is that of the absolute places, and one more inside a function is a difference', async () => {
    const image = await linkImage([rest, plain]);
    const before = await beforeOf(plain);
    const list = readRelocationList(image.elf);
    if (!list) throw new Error('no list');
    const start = onlyAddress(image, 'visible');
    const inside = [...list.address].filter((address) => address >= start && address < start + 64);
    expect(inside.length).toBeGreaterThan(0);
    // The push at its start holds no address.
    const forged = { address: list.address.slice(), kind: list.kind };
    forged.address[[...list.address].indexOf(inside[0])] = start + 1;
    forged.address.sort();
    const fresh = await linkImage([rest, plain]);
    const { difference } = resultOf(matchImage(before, { ...fresh, relocations: forged }), 'visible');
    expect(difference).toMatchObject({ offset: 1, what: 'relocation', expected: 'no relocation' });
  });

  test('a symbol that starts inside a function is a difference', async () => {
    const image = await linkImage([rest, plain]);
    const { symbols } = image;
    const [at] = symbols.find('visible');
    const moved = symbols.address.slice();
    moved[at + 1] = moved[at] + 8;
    const match = matchImage(await beforeOf(plain), { ...image, symbols: { ...symbols, address: moved } });
    expect(resultOf(match, 'visible').difference).toMatchObject({ offset: 8, what: 'symbol' });
  });
});

describe('a unit that is not what the image holds', () => {
  const unit = (change: [string, string]) => {
    expect(plain).toContain(change[0]);
    return plain.replace(change[0], change[1]);
  };

  test('a constant: the instruction with both values', async () => {
    const image = await linkImage([rest, plain]);
    const match = matchImage(await beforeOf(unit(['squares[x & 3]', 'squares[x & 1]'])), image);
    expect(verdicts(match)).toEqual({ step: 'identical', visible: 'identical', table_of: 'different' });
    const { difference, place } = resultOf(match, 'table_of');
    expect(place).toBeUndefined();
    expect(difference).toMatchObject({ what: 'bytes', instruction: difference?.expected });
    expect(difference?.expected).toMatch(/^and \$1, %e\w+$/);
    expect(difference?.found).toMatch(/^and \$3, %e\w+$/);
    expect(difference?.at).toEqual({ kind: 'image', address: onlyAddress(image, 'table_of') });
  });

  test('a call of another function: the bytes are the same, the target is not', async () => {
    const image = await linkImage([rest, plain]);
    const match = matchImage(await beforeOf(unit(['external(x)', 'other_external(x)'])), image);
    expect(verdicts(match)).toMatchObject({ step: 'different', visible: 'identical' });
    expect(resultOf(match, 'step').difference).toMatchObject({ what: 'target', expected: 'other_external' });
    expect(resultOf(match, 'step').difference?.found).toMatch(/^external \(0xffffffff81[0-9a-f]{6}\)$/);
  });

  test('another text in a message', async () => {
    const image = await linkImage([rest, plain]);
    const { difference } = resultOf(
      matchImage(await beforeOf(unit(['too many', 'too few!'])), image),
      'visible',
    );
    expect(difference?.what).toBe('target');
    expect(difference?.expected).toContain('too few!: %d');
    expect(difference?.found).toContain('too many: %d');
  });

  test('another variable of the same unit', async () => {
    const source = 'int a, b; int get(void) { return external(a); }';
    const image = await linkImage([rest, source]);
    const match = matchImage(await beforeOf(source.replace('external(a)', 'external(b)')), image);
    expect(resultOf(match, 'get').difference).toMatchObject({ what: 'target', expected: 'b' });
  });

  test('a function that the image lacks', async () => {
    const image = await linkImage([rest, plain]);
    const match = matchImage(await beforeOf(`${plain} int more(int x) { return step(x + 1); }`), image);
    expect(resultOf(match, 'more').difference).toMatchObject({ what: 'missing', expected: 'more' });
  });
});

describe('jump labels', () => {
  const unit = `
    int key;
    int branchy(int x) {
      asm goto(JUMP " %l[on]\\n .pushsection __jump_table,\\"aw\\"\\n .balign 8\\n .long ENTRY - ., %l[on] - .\\n"
        " .quad key - .\\n .popsection" : : : : on);
      return external(x);
    on: return external(x * 3) + 4;
    }`;
  const source = (jump: string, entry = '1b') => unit.replace('JUMP', `"1: ${jump}"`).replace('ENTRY', entry);

  for (const [jump, length] of [
    ['jmp', 2],
    ['jmp.d32', 5],
  ] as const)
    test(`a listed ${jump} may be the nop of ${length} bytes, and nothing else`, async () => {
      const image = await linkImage([rest, source(jump)]);
      const before = await beforeOf(source(jump));
      const found = resultOf(matchImage(before, image), 'branchy');
      expect(found).toMatchObject({ verdict: 'jump-labels', jumpLabels: 1, difference: undefined });
      const nop = before.arch.jumpLabelNops.find((candidate) => candidate.length === length) as Uint8Array;
      const code = bytesAt(image, onlyAddress(image, 'branchy'), before.named('branchy')[0].size);
      const at = Buffer.from(code).indexOf(nop);
      expect(at).toBeGreaterThan(0);
      code[at + 1] ^= 0x10;
      expect(resultOf(matchImage(before, image), 'branchy').difference).toMatchObject({
        what: 'bytes',
        offset: at,
      });
    });

  test('a jump that the object does not list may not be a nop', async () => {
    const image = await linkImage([rest, source('jmp')]);
    const before = await beforeOf(source('jmp', '_text').replace('int key', 'extern char _text[]; int key'));
    expect(resultOf(matchImage(before, image), 'branchy').verdict).toBe('different');
  });
});

describe('what the link of a kernel leaves out', () => {
  test('a weak function that another unit overrides is not in the kernel, even where the code is the same', async () => {
    const unit = `
      extern int other_external(int);
      void __attribute__((weak)) hook(int x) { external(x); }
      void __attribute__((weak)) same(void) { }
      void __attribute__((weak)) own(int x) { other_external(x); }
      void caller(void) { hook(1); same(); own(2); }`;
    const strong = 'void hook(int x) { external(x + 2); } void same(void) { }';
    const match = matchImage(await beforeOf(unit), await linkImage([rest, unit, strong]));
    expect(verdicts(match)).toEqual({
      hook: 'weak-overridden',
      same: 'weak-overridden',
      own: 'identical',
      caller: 'identical',
    });
    expect(resultOf(match, 'hook').place).toBeUndefined();
  });

  test('a function in a section that is thrown away', async () => {
    const unit =
      'void section(".exit.text") leave(void) { external(1); } int stay(void) { return external(2); }';
    const match = matchImage(await beforeOf(unit), await linkImage([rest, unit]));
    expect(verdicts(match)).toEqual({ leave: 'discarded', stay: 'identical' });
  });
});

describe('cold parts and shared sections', () => {
  test('are functions like others', async () => {
    const unit = `
      extern void bad(int) cold;
      int split(int x) { if (x == 3) { bad(x); bad(x + 1); x = external(x); } return external(x) + 1; }
      static noinline section(".init.text") int early(int x) { return external(x) ^ 5; }
      section(".init.text") int start(int x) { return early(x) + early(x + 1); }`;
    const image = await linkImage([rest, 'void bad(int x) { external(x); }', unit]);
    const before = await beforeOf(unit);
    expect(before.named('split.cold')).toHaveLength(1);
    const match = matchImage(before, image);
    expect(verdicts(match)).toEqual({
      split: 'identical',
      'split.cold': 'identical',
      early: 'identical',
      start: 'identical',
    });
  });
});

describe('jumps of another length', () => {
  // A tail call of the neighbour: two bytes where the assembler knows the distance, five with sections.
  const unit = `
    extern int other_external(int);
    static noinline int near(int x) { return external(x) + 1; }
    int tail(int x) { if (x & 4) return other_external(x + 9); if (x & 1) external(x); return near(x ^ 2); }`;

  test('are explained instruction by instruction', async () => {
    const image = await linkImage([rest, unit]);
    const before = await beforeOf(unit);
    const exact = await exactOf(unit);
    expect(exact.content(exact.named('tail')[0])).not.toEqual(before.content(before.named('tail')[0]));
    const match = matchImage(before, image);
    expect(verdicts(match)).toEqual({ near: 'identical', tail: 'jump-encoding' });
    expect(resultOf(match, 'tail').place).toEqual({ kind: 'image', address: onlyAddress(image, 'tail') });
  });

  test('do not excuse a branch to another place of the function', async () => {
    const image = await linkImage([rest, unit]);
    const before = await beforeOf(unit);
    const code = bytesAt(image, onlyAddress(image, 'tail'), 64);
    const step = before.arch
      .steps(code)
      .find(({ branch, length }) => length === 2 && branch?.kind !== 'jmp' && branch);
    if (!step) throw new Error('no short conditional jump');
    code[step.offset + 1] += 4;
    expect(verdicts(matchImage(before, image)).tail).toBe('different');
  });

  test('do not excuse another constant or another target', async () => {
    const image = await linkImage([rest, unit]);
    for (const [from, to] of [
      ['x ^ 2', 'x ^ 3'],
      ['other_external(x + 9)', 'external(x + 9)'],
      ['return near(x ^ 2)', 'return visible(x ^ 2)'],
    ]) {
      expect(unit).toContain(from);
      const changed = `int visible(int x);${unit.replace(from, to)}${to.includes('visible') ? 'int more(int x) { return near(x); }' : ''}`;
      expect(verdicts(matchImage(await beforeOf(changed), image)).tail).toBe('different');
    }
  });
});

describe('the object with the exact flags', () => {
  const unit =
    'int sum(const int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += external(p[i]); return s; }';

  test('matches what function sections change', async () => {
    const flags = ['-falign-loops=64'];
    const image = await linkImage([rest, unit], flags);
    const before = await beforeOf(unit);
    expect(verdicts(matchImage(before, image))).toEqual({ sum: 'different' });
    const match = matchImage(before, image, { exact: await exactOf(unit, flags) });
    expect(verdicts(match)).toEqual({ sum: 'exact-flags' });
    expect(resultOf(match, 'sum').place).toEqual({ kind: 'image', address: onlyAddress(image, 'sum') });
    const changed = await exactOf(unit.replace('s = 0', 's = 1'), flags);
    expect(verdicts(matchImage(before, image, { exact: changed }))).toEqual({ sum: 'different' });
  });
});
