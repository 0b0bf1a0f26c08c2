import { STB } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { bytesOf, extractPair, namesIn, pieceOf, told, uses } from './testing/pair.ts';

describe('what goes into the object', () => {
  const source = `
    static int counter; int shared = 3;
    #ifdef FIX
    static int fresh = 7; noinline int added_global(int n) { return external(n) + 5; }
    static noinline int helper(int n) { fresh += n; return external(fresh); }
    #endif
    static noinline int stays(int n) { return external(n * 2); }
    int untouched(int n) { printk("untouched\\n"); return stays(n) * 3; }
    int changed(int n) {
      counter++; shared++;
    #ifdef FIX
      if (n > 5) return helper(n) + added_global(n);
      printk("fixed\\n");
    #else
      printk("broken\\n");
    #endif
      return stays(n) + 1;
    }
  `;

  test('the changed function comes whole, with the padding before it', async () => {
    const { object, comparison, extraction } = await extractPair(source);
    const before = pieceOf(comparison.after, 'changed');
    const after = pieceOf(object, 'changed');
    expect(before.start).toBe(16);
    expect([after.start, after.size, after.section.size]).toEqual([16, before.size, before.section.size]);
    expect(after.section.align).toBe(before.section.align);
    expect([...object.bytes(after.section)].slice(0, 16)).toEqual(new Array(16).fill(0x90));
    expect(
      extraction.functions.map(({ oldName, sympos, newSymbol }) => [oldName, sympos, newSymbol]),
    ).toEqual([['changed', 0, '__klpkit_new_0_0_changed']]);
    // One place, two names: the function's own is local, the one for the livepatch's table global.
    expect(after.aliases).toEqual(['__klpkit_new_0_0_changed']);
    expect(after.binding).toBe(STB.LOCAL);
    const symbol = Array.from({ length: object.symbols.count }, (_, index) => index).find(
      (index) => object.symbols.name(index) === '__klpkit_new_0_0_changed',
    );
    expect(object.symbols.binding[symbol ?? 0]).toBe(STB.GLOBAL);
  });

  test('with its padding also where objtool gave that a symbol', async () => {
    const padded = (more: string) =>
      `int f(int n) {\n#ifdef FIX\nn++;\n#endif\nreturn external(n); } ${more}`;
    const [plain, prefixed] = await Promise.all([
      extractPair(padded('')),
      extractPair(
        padded(
          'asm(".pushsection .text.f,\\"ax\\"\\n.type __pfx_f,@function\\n.set __pfx_f,f-16\\n.size __pfx_f,16\\n.popsection");',
        ),
      ),
    ]);
    expect(prefixed.comparison.after.named('__pfx_f')).toHaveLength(1);
    expect(told(prefixed)).toEqual([]);
    expect(pieceOf(prefixed.object, 'f').start).toBe(16);
    expect(bytesOf(prefixed.object, '.text.f')).toEqual(bytesOf(plain.object, '.text.f'));
  });

  test('new functions and variables come along, others stay in the kernel', async () => {
    const { object, extraction } = await extractPair(source);
    expect(namesIn(object)).toEqual(['added_global', 'changed', 'fresh', 'helper']);
    expect(extraction.added.map(({ name }) => name).sort()).toEqual(['added_global', 'helper']);
    expect(extraction.data.map(({ piece, copied }) => [piece.name, copied])).toEqual([['fresh', false]]);
    expect(extraction.provides).toEqual(['added_global']);
    const added = pieceOf(object, 'added_global');
    expect(added.binding).toBe(STB.GLOBAL);
    const fresh = pieceOf(object, 'fresh');
    expect([...object.content(fresh)]).toEqual([7, 0, 0, 0]);
    expect(new Set(uses(object, 'changed'))).toEqual(
      new Set([
        'use ref(counter)',
        'use ref(shared)',
        'call helper',
        'call added_global',
        'use .rodata.klpkit_str1: "fixed\\n"',
        'call printk',
        'call ref(stays)',
      ]),
    );
    expect(extraction.exports).toEqual(['__fentry__', 'external', 'printk']);
    expect(
      extraction.placeholders.map(({ name, object: owner, patched }) => [name, owner, patched]).sort(),
    ).toEqual([
      ['counter', 'vmlinux', 'vmlinux'],
      ['shared', 'vmlinux', 'vmlinux'],
      ['stays', 'vmlinux', 'vmlinux'],
    ]);
    expect(told({ extraction })).toEqual(['KLP506 note fresh']);
  });

  test('strings come only where they are used, and once each', async () => {
    const { object } = await extractPair(source);
    expect(String.fromCharCode(...bytesOf(object, '.rodata.klpkit_str1'))).toBe('fixed\n\0');
    const twice = await extractPair(
      'int f(int n) {\n#ifdef FIX\nuse("fix");\n#endif\nuse("one"); use("one"); return external(n); } int g(void) { use("two"); return 1; }',
    );
    expect(
      String.fromCharCode(...bytesOf(twice.object, '.rodata.klpkit_str1'))
        .split('\0')
        .sort(),
    ).toEqual(['', 'fix', 'one']);
  });

  test('a string that code indexes comes whole, for any index', async () => {
    const { object } = await extractPair(
      'char f(unsigned long n) {\n#ifdef FIX\nuse("fix");\n#endif\nreturn "abc"[n + 1]; }',
    );
    expect(String.fromCharCode(...bytesOf(object, '.rodata.klpkit_str1')).split('\0')).toContain('abc');
    const at = String.fromCharCode(...bytesOf(object, '.rodata.klpkit_str1')).indexOf('abc');
    const load = object.referencesOf(pieceOf(object, 'f')).find(({ addend }) => addend === at + 1);
    expect(load && object.arch.relocationName(load.type)).toBe('R_X86_64_32S');
  });

  test('an exported variable or function of the unit is reached as any module reaches it', async () => {
    const { extraction, object } = await extractPair(source, { exports: { shared: { owner: 'vmlinux' } } });
    expect(extraction.exports).toContain('shared');
    expect(uses(object, 'changed')).toContain('use shared');
    // In a namespace it would have to be imported; a KLP relocation needs none.
    const spaced = await extractPair(source, { exports: { shared: { owner: 'vmlinux', namespace: 'X' } } });
    expect(uses(spaced.object, 'changed')).toContain('use ref(shared)');
  });

  test('fields under relocations are zero, as KLP relocations demand', async () => {
    const { object } = await extractPair(source);
    let fields = 0;
    for (const section of object.elf.sections)
      for (const { offset, type } of object.references(section)) {
        const width = object.arch.fieldWidth(type) ?? 0;
        expect([...object.bytes(section).subarray(offset, offset + width)]).toEqual(new Array(width).fill(0));
        fields++;
      }
    expect(fields).toBeGreaterThan(10);
  });

  test('nothing changed: no object', async () => {
    const { extraction } = await extractPair('int f(int n) { return external(n); }');
    expect(extraction.bytes).toBeUndefined();
    expect(extraction.functions).toEqual([]);
    expect(extraction.findings).toEqual([]);
  });

  test('the same pair gives the same bytes', async () => {
    const pairs = await Promise.all([extractPair(source), extractPair(source)]);
    const [a, b] = pairs.map(({ extraction }) => extraction.bytes ?? new Uint8Array(0));
    expect(a).not.toHaveLength(0);
    expect(a).toEqual(b);
  });
});

describe('a changed function', () => {
  const source = `
    struct ops { int (*run)(int); long more; void *slot; };
    #ifdef FIX
    #define EXTRA 17
    static int added(int n) { return external(n) + 3; }
    static const struct ops fresh_ops = { added };
    #else
    #define EXTRA 5
    #endif
    static noinline int target(int n) { return external(n) * EXTRA; }
    extern struct ops ops;
    int store(struct ops *o) { o->run = target; use(&o->more); return EXTRA; }
    int store_near(struct ops *o) { o[-1].run = target; return EXTRA; }
    int call(int n) { return target(n) + EXTRA; }
    int jump(int n) { return target(n + EXTRA); }
    #ifdef FIX
    const struct ops table_of_new = { target };
    noinline int new_pointer(void) { use(&fresh_ops); use(added); use(&table_of_new); return 0; }
    int entry(int n) { return new_pointer() + n; }
    #else
    int entry(int n) { return n; }
    #endif
  `;

  test('is called in its copy, and pointed to in its original', async () => {
    const { object } = await extractPair(source);
    expect(uses(object, 'call')).toEqual(['call target']);
    expect(uses(object, 'jump')).toEqual(['call target']);
    expect(uses(object, 'store')).toContain('use ref(target)');
    expect(uses(object, 'table_of_new')).toEqual(['use ref(target)']);
  });

  test('also where a displacement has the byte of a call before the pointer', async () => {
    const { object } = await extractPair(source);
    const piece = pieceOf(object, 'store_near');
    const pointer = object.referencesOf(piece).find(({ type }) => type === 11);
    // The premise: movq $target, -0x18(%rdi).
    expect(object.bytes(piece.section)[(pointer?.offset ?? 0) - 1]).toBe(0xe8);
    expect(uses(object, 'store_near')).toContain('use ref(target)');
  });

  test('while a new one has only the copy', async () => {
    const { object } = await extractPair(source);
    expect(uses(object, 'new_pointer')).toEqual(
      expect.arrayContaining(['use fresh_ops', 'use added', 'use table_of_new']),
    );
    expect(uses(object, 'fresh_ops')).toEqual(['use added']);
  });
});

describe('references into shared sections', () => {
  test('keep their addend where an immediate follows', async () => {
    const source = `
      struct once { char first, second, third; };
      static char one section(".data..once"), two section(".data..once"), three section(".data..once");
      static int big[8]; static char flag, other_flag;
      int f(int n) {
        one = 1; two = 1; three = 1; flag = 1; other_flag = 2; big[3] = 0x12345678;
      #ifdef FIX
        n++;
      #endif
        return external(n);
      }
      int g(void) { return one + two + three + flag + other_flag + big[n_of()]; }
      int n_of(void) { return 1; }
    `.replace('int g', 'int n_of(void);\n      int g');
    const { object, comparison } = await extractPair(source);
    const f = pieceOf(comparison.after, 'f');
    const addends = comparison.after.referencesOf(f).map(({ addend }) => addend);
    // The premise: the assembler counts from the end of the instruction, which an immediate moves.
    expect(addends).toEqual(expect.arrayContaining([-5, 4]));
    const code = pieceOf(object, 'f');
    const found = object
      .referencesOf(code)
      .flatMap(({ target, addend }) =>
        target.kind === 'external' && target.name.startsWith('__klpkit_ref')
          ? [`${target.name.replace(/^.*_\d+_/, '')} ${addend}`]
          : target.kind === 'piece'
            ? [`${target.piece.name} +${target.offset}`]
            : [],
      );
    expect(found.sort()).toEqual(['big 4', 'flag -5', 'one +0', 'other_flag -5', 'three +0', 'two +0']);
  });

  test('a once-flag, a function name and a switch table come as copies of their own', async () => {
    const source = `
      #define ONCE() ({ static _Bool section(".data..once") __already_done; int first = !__already_done; __already_done = 1; first; })
      int g(int n) { if (ONCE()) printk("g\\n"); return external(n); }
      int f(unsigned n) {
        if (ONCE()) printk("%s\\n", __func__);
      #ifdef FIX
        n += 2;
      #endif
        switch (n) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return 99; case 4: return 2; }
        return external(0);
      }
    `;
    const { object, extraction } = await extractPair(source);
    expect(
      extraction.data.map(({ piece, copied }) => [piece.name.replace(/\.\d+$/, ''), copied]).sort(),
    ).toEqual([
      ['CSWTCH', true],
      ['__already_done', true],
      ['__func__', true],
    ]);
    const done = object.pieces.filter(({ name }) => name.startsWith('__already_done'));
    expect(done.map(({ size, section }) => [size, section.name])).toEqual([[1, '.data..once']]);
    const names = object.pieces.filter(({ name }) => name.startsWith('__func__'));
    expect(names.map((piece) => String.fromCharCode(...object.content(piece)))).toEqual(['f\0']);
    expect(extraction.placeholders).toEqual([]);
    expect(extraction.findings).toEqual([]);
  });

  test('constants of the compiler without a name come along', async () => {
    const source = `
      void f(int n) {
        struct { long a[40]; } big = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40 } };
      #ifdef FIX
        big.a[n] = 1;
      #endif
        use(&big);
      }
    `;
    const { object, comparison, extraction } = await extractPair(source);
    const f = pieceOf(comparison.after, 'f');
    // The premise: memory without a symbol.
    expect(comparison.after.referencesOf(f).map(({ target }) => target.kind)).toContain('place');
    expect(told({ extraction })).toEqual([]);
    const reference = object.referencesOf(pieceOf(object, 'f')).find(({ target }) => target.kind === 'place');
    const target = reference?.target;
    if (target?.kind !== 'place') throw new Error('no place');
    expect(target.offset % target.section.align).toBe(0);
    const bytes = object.bytes(target.section).slice(target.offset, target.offset + 320);
    expect([...new BigInt64Array(bytes.buffer)].map(Number)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });
});

describe('symbols of others', () => {
  const source = `
    extern int hidden(int), neighbour(int), borrowed(int); extern void gone(void); extern int data;
    int f(int n) {
    #ifdef FIX
      n += data;
    #endif
      if (n == 77) gone();
      return hidden(n) + neighbour(n) + borrowed(n);
    }`;

  test('come from vmlinux, from the same module, and from one that it depends on', async () => {
    const { extraction, object } = await extractPair(source, {
      object: 'ext4',
      image: ['hidden', 'data', 'gone'],
      module: ['neighbour'],
      depends: ['jbd2'],
      exports: { borrowed: { owner: 'jbd2' }, neighbour: { owner: 'ext4' } },
      noreturns: ['gone'],
    });
    expect(told({ extraction })).toEqual([]);
    expect(
      extraction.placeholders.map(({ name, object: owner, patched }) => [name, owner, patched]).sort(),
    ).toEqual([
      ['borrowed', 'jbd2', 'ext4'],
      ['data', 'vmlinux', 'ext4'],
      ['gone', 'vmlinux', 'ext4'],
      ['hidden', 'vmlinux', 'ext4'],
      ['neighbour', 'ext4', 'ext4'],
    ]);
    // objtool knows functions that never return by name; any other name could be taken for an export.
    expect(uses(object, 'f')).toContain('call gone');
    expect(uses(object, 'f')).toContain('call ref(hidden)');
    const undefinedOnes = Array.from({ length: object.symbols.count }, (_, index) => index).filter(
      (index) => index > 0 && object.symbols.section[index] === 0 && object.symbols.name(index) !== '',
    );
    expect(undefinedOnes.length).toBe(6);
    expect(undefinedOnes.every((index) => object.symbols.binding[index] === STB.GLOBAL)).toBe(true);
  });

  test('of a module that the patched one does not depend on, or of nobody, cannot be reached (KLP301)', async () => {
    const ok = {
      object: 'ext4',
      image: ['hidden', 'data', 'gone', 'neighbour'],
      exports: { borrowed: { owner: 'jbd2' } },
    };
    expect(told(await extractPair(source, ok))).toEqual(['KLP301 error borrowed']);
    expect(told(await extractPair(source, { ...ok, depends: ['jbd2'] }))).toEqual([]);
    expect(
      told(
        await extractPair(source, {
          image: ['hidden', 'data', 'gone'],
          exports: { borrowed: { owner: 'vmlinux' } },
        }),
      ),
    ).toEqual(['KLP301 error neighbour']);
  });

  test('that another unit of the livepatch adds are left to the linker', async () => {
    const { extraction, object } = await extractPair(source, {
      image: ['hidden', 'data', 'gone', 'borrowed'],
      provided: ['neighbour'],
    });
    expect(extraction.needs).toEqual(['neighbour']);
    expect(uses(object, 'f')).toContain('call neighbour');
  });

  test('a weak function of the unit that another one overrides is that other one', async () => {
    const weak = `
      int __attribute__((weak)) noinline hook(int n) { return external(n); }
      int f(int n) {
      #ifdef FIX
        n++;
      #endif
        return hook(n); }`;
    const { extraction } = await extractPair(weak, { lost: ['hook'], image: ['hook'] });
    expect(told({ extraction })).toEqual([]);
    expect(extraction.placeholders.map(({ name }) => name)).toEqual(['hook']);
    expect(told(await extractPair(weak, { lost: ['hook'] }))).toEqual(['KLP301 error hook']);
    // A function that is not weak is the unit's own or nothing.
    const own = weak.replace('__attribute__((weak)) ', '');
    expect(told(await extractPair(own, { lost: ['hook'], image: ['hook'] }))).toEqual(['KLP301 error hook']);
  });
});
