import { describe, expect, test } from 'vitest';
import { modulePosition } from '../index.ts';
import { beforeOf, exactOf, linkModule } from '../testing/link.ts';
import { matchModule } from './match.ts';

const other = 'int shared(int x) { return x * 7; } int shared_more = 3;';
const unit = `
  extern int shared(int); extern int shared_more;
  static noinline int first(int x) { return external(x) + 1; }
  static noinline int second(int x) { return external(x) + 2; }
  static int count;
  int calls(int x) { count++; if (x > shared_more) printk("module: %d\\n", x); return first(x) + shared(x); }
  int more(int x) { return second(x) ^ count; }`;

const verdicts = (match: ReturnType<typeof matchModule>) =>
  Object.fromEntries(match.functions.map(({ name, verdict }) => [name, verdict]));
const differenceOf = (match: ReturnType<typeof matchModule>, name: string) =>
  match.functions.find((found) => found.name === name)?.difference;

describe('a unit of a shipped module', () => {
  test('matches, calls that the assembler resolved included', async () => {
    const shipped = await linkModule([other, unit]);
    const before = await beforeOf(unit);
    const calls = shipped.named('calls')[0];
    expect(before.referencesOf(before.named('calls')[0]).length).toBe(shipped.referencesOf(calls).length + 1);
    const match = matchModule(before, shipped);
    expect(verdicts(match)).toEqual({
      first: 'identical',
      second: 'identical',
      calls: 'identical',
      more: 'identical',
    });
    expect(match.placeOf(before.named('calls')[0])).toEqual({
      kind: 'module',
      section: calls.section.index,
      sectionName: '.text',
      offset: calls.start,
      symbol: calls.symbol,
    });
    expect(match.placeOf(before.named('count')[0])).toMatchObject({ sectionName: '.bss' });
    expect(match.externalPosition('shared')).toEqual({
      ok: true,
      value: { name: 'shared', sympos: 0, unique: true },
    });
    expect(match.externalPlace('external')).toEqual({
      ok: false,
      reason: 'the module does not define external',
    });
  });

  test('does not where a resolved call leads elsewhere', async () => {
    const shipped = await linkModule([other, unit]);
    const changed = await beforeOf(unit.replace('return first(x)', 'first(x); return second(x)'));
    expect(verdicts(matchModule(changed, shipped))).toMatchObject({ calls: 'different', more: 'identical' });
    const swapped = unit
      .replace('return first(x)', 'return second(x)')
      .replace('return second(x) ^', 'return first(x) ^');
    const match = matchModule(await beforeOf(swapped), shipped);
    expect(differenceOf(match, 'calls')).toMatchObject({ what: 'target', expected: 'second' });
    expect(differenceOf(match, 'calls')?.found).toMatch(/^first \(\.text\+0x/);
  });

  test('does not with another symbol, another size, or a relocation more', async () => {
    const shipped = await linkModule([other, unit]);
    const called = await beforeOf(unit.replaceAll('shared(', 'sharee('));
    expect(differenceOf(matchModule(called, shipped), 'calls')).toMatchObject({
      what: 'target',
      expected: 'sharee',
      found: 'shared',
    });
    const longer = await beforeOf(unit.replace('^ count', '^ count ^ 0x12345'));
    expect(differenceOf(matchModule(longer, shipped), 'more')?.what).toBe('size');
    const zero =
      'long value(void) { long x; asm volatile("movq $VALUE, %0" : "=r"(x)); return x + external(1); }';
    const match = matchModule(
      await beforeOf(zero.replace('VALUE', '0')),
      await linkModule([zero.replace('VALUE', 'external')]),
    );
    expect(differenceOf(match, 'value')).toMatchObject({ what: 'relocation', expected: 'no relocation' });
    expect(differenceOf(match, 'value')?.found).toContain('R_X86_64_32S external');
  });

  test('matches with the exact flags as well as with sections', async () => {
    const shipped = await linkModule([other, unit]);
    expect(matchModule(await exactOf(unit), shipped).counts).toMatchObject({ identical: 4 });
  });
});

describe('symbol positions in a module', () => {
  const twin = (n: number) =>
    `static noinline int twin(int x) { return external(x) * 3; } int caller${n}(int x) { return twin(x) + ${n}; }`;

  test('count in the order of its symbol table', async () => {
    const shipped = await linkModule([twin(1), twin(2)]);
    for (const n of [1, 2]) {
      const before = await beforeOf(twin(n));
      expect(matchModule(before, shipped).positionOf(before.named('twin')[0])).toEqual({
        ok: true,
        value: { name: 'twin', sympos: n, unique: false },
      });
    }
  });

  test('are refused where they change when the module has loaded', async () => {
    const early = twin(1).replace('static noinline', 'static noinline section(".init.text")');
    const shipped = await linkModule([early, twin(2)]);
    const before = await beforeOf(twin(2));
    const match = matchModule(before, shipped);
    expect(match.counts.identical).toBe(2);
    const position = match.positionOf(before.named('twin')[0]);
    expect(position).toEqual({
      ok: false,
      reason: 'twin is number 2 of its name while the module loads and number 1 afterwards',
    });
    // The other way round both counts agree.
    const turned = await linkModule([twin(2), early]);
    expect(matchModule(before, turned).positionOf(before.named('twin')[0])).toMatchObject({
      ok: true,
      value: { sympos: 1, unique: false },
    });
    const freed = turned.named('twin').find((piece) => piece.section.name === '.init.text');
    if (!freed) throw new Error('no twin in .init.text');
    expect(modulePosition(turned, freed.symbol)).toMatchObject({ ok: false });
  });
});
