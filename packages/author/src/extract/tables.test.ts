import { describe, expect, test } from 'vitest';
import { bytesOf, extractPair, pieceOf, sectionUses, told, uses } from './testing/pair.ts';

/** Two functions with everything in special sections, of which one changes. */
const unit = `
  extern long key, other_key; extern char aux_flag, other_flag; extern int __SCT__hook(int);
  int other(int n) {
    if (n < 0) BUG();
    if (BRANCH(other_key)) n++;
    ALTERNATIVE(".byte 0xf3, 0x48, 0x0f, 0xae, 0xc0");
    AUX(other_flag);
    ALTERNATIVE("");
    return LOAD(&n) + external(n);
  }
  int f(int n) {
    if (n < 0) BUG();
    if (BRANCH(key)) n++;
    ALTERNATIVE("");
    ALTERNATIVE("call replacement");
    AUX(aux_flag);
  #ifdef FIX
    n += 3;
  #endif
    return LOAD(&n) + external(n);
  }
  int last(int n) {
    AUX(other_flag);
    ALTERNATIVE("stac");
    return external(n);
  }
`;
const kernel = { image: ['key', 'other_key', 'aux_flag', 'other_flag', 'replacement'] };

describe('entries of special sections', () => {
  test('come with the function that they describe, and no others', async () => {
    const { object, comparison, extraction } = await extractPair(unit, kernel);
    expect(told({ extraction })).toEqual([]);
    const entries = (name: string, size: number, of = object) => bytesOf(of, name).length / size;
    for (const [name, size, all] of [
      ['__bug_table', 12, 2],
      ['__ex_table', 12, 2],
      ['__jump_table', 16, 2],
      ['.altinstructions', 14, 5],
      ['.discard.reachable', 4, 2],
      ['__mcount_loc', 8, 3],
    ] as const) {
      // The premise: the unit has those of the other functions too.
      expect([name, entries(name, size, comparison.after)]).toEqual([name, all]);
      expect([name, entries(name, size)]).toEqual([name, name === '.altinstructions' ? 2 : 1]);
    }
    expect(bytesOf(comparison.after, '__patchable_function_entries').length).toBe(24);
    expect(bytesOf(object, '__patchable_function_entries')).toEqual([]);
    expect(extraction.placeholders.map(({ name }) => name).sort()).toEqual([
      'aux_flag',
      'key',
      'replacement',
    ]);
  });

  test('describe the copy, by the same distances', async () => {
    const { object, comparison } = await extractPair(unit, kernel);
    const inOld = (name: string) =>
      sectionUses(comparison.after, name).filter((use) => / f\+/.test(use) || /__mcount/.test(name));
    expect(sectionUses(object, '__bug_table')[0]).toBe(inOld('__bug_table')[0]);
    expect(sectionUses(object, '__bug_table')[1]).toBe('use .rodata.klpkit_str1: "unit.c"');
    expect(sectionUses(object, '__ex_table')).toEqual(inOld('__ex_table'));
    expect(sectionUses(object, '__jump_table').slice(0, 2)).toEqual(inOld('__jump_table').slice(0, 2));
    // The flags of the key are in its addend.
    expect(sectionUses(object, '__jump_table')[2]).toBe('use ref(key)+2');
    expect(sectionUses(object, '__mcount_loc')).toEqual(['use f+4']);
    expect(sectionUses(object, '.discard.reachable')).toHaveLength(1);
    expect(bytesOf(object, '__bug_table').slice(8)).toEqual(
      bytesOf(comparison.after, '__bug_table').slice(12 + 8),
    );
  });

  test('alternatives bring their own replacement and nothing of the neighbours, empty ones too', async () => {
    const { object, comparison } = await extractPair(unit, kernel);
    expect(bytesOf(comparison.after, '.altinstr_replacement').length).toBe(5 + 5 + 3);
    expect(bytesOf(object, '.altinstr_replacement')).toEqual([0xe8, 0, 0, 0, 0]);
    expect(sectionUses(object, '.altinstr_replacement')).toEqual(['call ref(replacement)']);
    const [first, second] = [
      bytesOf(object, '.altinstructions').slice(0, 14),
      bytesOf(object, '.altinstructions').slice(14),
    ];
    // Lengths of site and replacement.
    expect(first.slice(12)).toEqual([5, 0]);
    expect(second.slice(12)).toEqual([5, 5]);
    const places = object
      .references(
        object.elf.sections.find(({ name }) => name === '.altinstructions') ?? object.elf.sections[0],
      )
      .map(({ target }) =>
        target.kind === 'place' ? `${target.section.name}+${target.offset}` : target.kind,
      );
    expect(places).toEqual(['piece', '.altinstr_replacement+0', 'piece', '.altinstr_replacement+0']);
  });

  test('out-of-line code is cut to the part that the function jumps to', async () => {
    const { object, comparison } = await extractPair(unit, kernel);
    const whole = bytesOf(comparison.after, '.altinstr_aux');
    const part = bytesOf(object, '.altinstr_aux');
    expect(part.length * 3).toBe(whole.length);
    // testb $1, aux_flag(%rip); jnz back; jmp back
    expect(part.slice(0, 2)).toEqual([0xf6, 0x05]);
    const [flag, ...back] = sectionUses(object, '.altinstr_aux');
    expect(flag).toBe('use ref(aux_flag)-5');
    expect(back).toHaveLength(2);
    for (const use of back) expect(use).toMatch(/^call f\+\d+$/);
    expect(new Set(back).size).toBe(1);
    // The jump out of the function leads to the fragment's start.
    const jump = object
      .referencesOf(pieceOf(object, 'f'))
      .flatMap(({ target }) => (target.kind === 'place' ? [`${target.section.name}+${target.offset}`] : []));
    expect(jump).toContain('.altinstr_aux+0');
  });

  test('each function jumps to its own part', async () => {
    const source = ['first', 'second', 'third']
      .map(
        (name) => `extern char ${name}_flag;
          int ${name}(int n) {
            AUX(${name}_flag);
          #if defined(FIX) && ${name === 'second' ? 0 : 1}
            n++;
          #endif
            return external(n); }`,
      )
      .join('\n');
    const { object } = await extractPair(source, {
      image: ['first_flag', 'third_flag'],
    });
    const aux = sectionUses(object, '.altinstr_aux');
    expect(aux.filter((use) => use.startsWith('use'))).toEqual([
      'use ref(first_flag)-5',
      'use ref(third_flag)-5',
    ]);
    const half = bytesOf(object, '.altinstr_aux').length / 2;
    const jumps = ['first', 'third'].map((name) =>
      object
        .referencesOf(pieceOf(object, name))
        .flatMap(({ target }) =>
          target.kind === 'place' ? [`${target.section.name}+${target.offset}`] : [],
        ),
    );
    expect(jumps.map((list) => list[0])).toEqual(['.altinstr_aux+0', `.altinstr_aux+${half}`]);
    expect(aux.filter((use) => use.startsWith('call')).map((use) => use.replace(/\+\d+/, ''))).toEqual([
      'call first',
      'call first',
      'call third',
      'call third',
    ]);
  });

  test('an entry point without ENDBR is declared where the kernel checks for it', async () => {
    const source = `
      static noinline int f(int n) {
      #ifdef FIX
        n++;
      #endif
        return external(n); }
      int g(int n) {
      #ifdef FIX
        n++;
      #endif
        return f(n) + 1; }`;
    const { object } = await extractPair(source);
    expect([...object.content(pieceOf(object, 'g')).subarray(0, 4)]).toEqual([0xf3, 0x0f, 0x1e, 0xfa]);
    expect(object.content(pieceOf(object, 'f'))[0]).not.toBe(0xf3);
    expect(sectionUses(object, '.discard.noendbr')).toEqual(['use f']);
    expect(bytesOf((await extractPair(source, { ibt: false })).object, '.discard.noendbr')).toEqual([]);
  });

  test('a boot-time constant cannot be copied', async () => {
    const source = `
      int f(int n) {
        asm volatile("1: movl $0x01234567, %%eax\\n.pushsection runtime_ptr_USER_PTR_MAX,\\"a\\"\\n.long 1b - . + 1\\n.popsection" : : : "eax");
      #ifdef FIX
        n++;
      #endif
        return external(n); }
      int twin(int n) {
      #ifdef FIX
        n++;
      #endif
        return external(n); }`;
    expect(told(await extractPair(source))).toEqual(['runtime-constant error f']);
  });
});

describe('static calls', () => {
  const source = `
    extern int __SCT__hook(int);
    int f(int n) {
    #ifdef FIX
      n++;
    #endif
      return __SCT__hook(n) + 1; }`;

  test('of vmlinux keep their names and get their key, which objtool looks for', async () => {
    const { object, extraction } = await extractPair(source, { image: ['__SCT__hook', '__SCK__hook'] });
    expect(uses(object, 'f')).toEqual(['call __SCT__hook']);
    expect(extraction.placeholders.map(({ symbol, object: owner }) => [symbol, owner])).toEqual([
      ['__SCK__hook', 'vmlinux'],
      ['__SCT__hook', 'vmlinux'],
    ]);
    const names = Array.from({ length: object.symbols.count }, (_, index) => object.symbols.name(index));
    expect(names).toContain('__SCK__hook');
    expect(told({ extraction })).toEqual([]);
  });

  test('with an exported trampoline get the key by KLP relocation', async () => {
    const { extraction } = await extractPair(source, {
      image: ['__SCK__hook'],
      exports: { __SCT__hook: { owner: 'vmlinux' } },
    });
    expect(extraction.placeholders.map(({ symbol }) => symbol)).toEqual(['__SCK__hook']);
    expect(extraction.exports).toContain('__SCT__hook');
  });

  test('of a module go through the trampoline, under a name that objtool does not know', async () => {
    const { object, extraction } = await extractPair(source, {
      object: 'kvm',
      module: ['__SCT__hook', '__SCK__hook'],
    });
    expect(uses(object, 'f')).toEqual(['call ref(__SCT__hook)']);
    expect(
      extraction.placeholders.map(({ symbol, object: owner }) => [symbol.startsWith('__klpkit_ref_'), owner]),
    ).toEqual([[true, 'kvm']]);
    expect(told({ extraction })).toEqual(['KLP311 note __SCT__hook']);
  });
});

describe('jump labels', () => {
  const branch = `
    extern long key;
    int f(int n) {
      if (BRANCH(key)) n = external(n);
    #ifdef FIX
      n++;
    #endif
      return external(n); }`;

  test('on a key of vmlinux are fine, exported or not; on one of a module they are not (KLP310)', async () => {
    expect(told(await extractPair(branch, { image: ['key'] }))).toEqual([]);
    expect(told(await extractPair(branch, { exports: { key: { owner: 'vmlinux' } } }))).toEqual([]);
    expect(told(await extractPair(branch, { object: 'ext4', image: ['key'] }))).toEqual([]);
    expect(told(await extractPair(branch, { object: 'ext4', module: ['key'] }))).toEqual([
      'KLP310 error key',
    ]);
    const own = branch.replace('extern long key', 'long key');
    expect(told(await extractPair(own, { object: 'ext4' }))).toEqual(['KLP310 error key']);
    expect(told(await extractPair(own))).toEqual([]);
  });

  test('on a key that comes along are fine in a module too', async () => {
    const own = `
      #ifdef FIX
      static long fresh_key;
      int f(int n) { if (BRANCH(fresh_key)) n = external(n); return external(n + 1); }
      #else
      int f(int n) { return external(n); }
      #endif`;
    const extracted = await extractPair(own, { object: 'ext4' });
    expect(told(extracted)).toEqual(['KLP506 note fresh_key']);
    expect(sectionUses(extracted.object, '__jump_table')[2]).toBe('use fresh_key+2');
  });

  const traced = (call: string) => `
    extern long __tracepoint_sync; extern int __SCT__tp_func_sync(int);
    int f(int n) {
    #ifdef FIX
      n++;
    #endif
      ${call}
    }`;
  const kvm = { object: 'ext4', module: ['__tracepoint_sync', '__SCT__tp_func_sync'] };

  test.each([
    ['a call', 'if (BRANCH(__tracepoint_sync)) __SCT__tp_func_sync(n); return external(n) + 2;', /call/],
    [
      'a tail jump',
      'if (BRANCH(__tracepoint_sync)) return __SCT__tp_func_sync(n); return external(n) + 2;',
      /jmp/,
    ],
  ])("a module's tracepoint is silenced: %s", async (_, code, instruction) => {
    const { object, extraction, comparison } = await extractPair(traced(code), kvm);
    expect(told({ extraction })).toEqual(['KLP310 warning f']);
    expect(bytesOf(object, '__jump_table')).toEqual([]);
    expect(uses(object, 'f').join()).not.toMatch(/tp_func|tracepoint/);
    expect(extraction.placeholders).toEqual([]);
    const was = comparison.after.arch.instructions(comparison.after.content(pieceOf(comparison.after, 'f')));
    const is = object.arch.instructions(object.content(pieceOf(object, 'f')));
    const [site] = comparison.after
      .references(
        comparison.after.elf.sections.find(({ name }) => name === '__jump_table') ??
          comparison.after.elf.sections[0],
      )
      .flatMap(({ target }) => (target.kind === 'piece' ? [target.offset] : []));
    const at = (list: typeof was, offset: number) => list.find((each) => each.offset === offset);
    // The premise: a jump of 2 or 5 bytes stood there. Now it is the one no-op of that length that the kernel knows.
    expect(at(was, site ?? -1)?.mnemonic).toBe('jmp');
    const length = at(was, site ?? -1)?.length ?? 0;
    const nop = [...object.content(pieceOf(object, 'f')).subarray(site, (site ?? 0) + length)];
    expect(nop).toEqual(length === 2 ? [0x66, 0x90] : [0x0f, 0x1f, 0x44, 0, 0]);
    // What it led to is gone, and nothing else: objtool would warn of code that nothing reaches.
    const live = was.filter(({ offset, length: size }) =>
      [...object.content(pieceOf(object, 'f')).subarray(offset, offset + size)].some((byte) => byte !== 0xcc),
    );
    const dead = was.filter((each) => !live.includes(each));
    expect(dead.map(({ mnemonic }) => mnemonic).join()).toMatch(instruction);
    for (const each of live.filter(({ offset }) => offset !== site))
      expect(at(is, each.offset)).toEqual(each);
    expect(live.length).toBeGreaterThan(5);
    expect(live.length + dead.length).toBe(was.length);
  });

  test('what follows a call that never returns is not reached from there', async () => {
    // What objtool knows of the function the compiler need not know.
    const code = `extern void gone(void); ${traced(`
      if (n == 7) { gone(); goto shared; }
      if (BRANCH(__tracepoint_sync)) { __SCT__tp_func_sync(n); shared: use("shared"); }
      return external(n) + 2;`)}`;
    const usesWith = async (noreturns: string[]) =>
      uses((await extractPair(code, { ...kvm, image: ['gone', 'use'], noreturns })).object, 'f').join();
    expect(await usesWith([])).toMatch(/use\b/);
    expect(await usesWith(['gone'])).toMatch(/gone/);
    expect(await usesWith(['gone'])).not.toMatch(/use\b/);
  });

  test('entries that describe code behind a silenced jump go, those of shared code stay', async () => {
    const code = `extern long key; ${traced(`
      if (BRANCH(__tracepoint_sync)) { if (n < 5) BUG(); n += LOAD(&n); ALTERNATIVE("stac"); if (BRANCH(key)) external(4); __SCT__tp_func_sync(n); }
      if (n > 7) BUG(); n += LOAD(&n); ALTERNATIVE("clac"); if (BRANCH(key)) external(5);
      return external(n) + 2;`)}`;
    const { object, extraction, comparison } = await extractPair(code, { ...kvm, image: ['key'] });
    expect(told({ extraction })).toEqual(['KLP310 warning f']);
    const entries = (model: typeof object) => [
      bytesOf(model, '__bug_table').length / 12,
      bytesOf(model, '__ex_table').length / 12,
      bytesOf(model, '.altinstructions').length / 14,
      bytesOf(model, '__jump_table').length / 16,
    ];
    expect(entries(comparison.after)).toEqual([2, 2, 2, 3]);
    expect(entries(object)).toEqual([1, 1, 1, 1]);
    // What stays leads to code that stays.
    const content = object.content(pieceOf(object, 'f'));
    const places = ['__bug_table', '__ex_table', '.altinstructions', '__jump_table'].flatMap((name) =>
      sectionUses(object, name).flatMap((use) =>
        / f\+(\d+)$/.exec(use)?.[1] ? [Number(/\+(\d+)$/.exec(use)?.[1])] : [],
      ),
    );
    expect(places.length).toBeGreaterThanOrEqual(6);
    for (const place of places) expect(content[place]).not.toBe(0xcc);
    expect(uses(object, 'f').filter((use) => /external/.test(use))).toHaveLength(2);
  });

  test.each([
    ['a jump label that may be off', 'if (BRANCH(key)) return external(5);'],
    [
      'code that is replaced at boot',
      'asm goto("661: jmp %l[elsewhere]\\n662: .pushsection .altinstructions,\\"a\\"\\n.long 661b - ., 663f - .\\n.long 7\\n.byte 662b - 661b, 664f - 663f\\n.popsection\\n.pushsection .altinstr_replacement,\\"ax\\"\\n663: nop\\n664:\\n.popsection" : : : : elsewhere);',
    ],
  ])('code shared with what a silenced jump led to stays: behind %s', async (_, other) => {
    const code = `extern long key; ${traced(`
      if (BRANCH(__tracepoint_sync)) { __SCT__tp_func_sync(n); goto shared; }
      ${other}
      shared: use("shared"); return external(n) + 2;
      elsewhere: return external(7);`)}`;
    const { object } = await extractPair(code, { ...kvm, image: ['key'] });
    expect(uses(object, 'f')).toContain('call use');
    expect(object.content(pieceOf(object, 'f'))).toContain(0xcc);
  });

  test('a silenced jump into a cold part has no relocation left to write over the no-op', async () => {
    const code = `extern void rare(const char *) __attribute__((cold));
      ${traced('if (BRANCH(__tracepoint_sync)) { rare("cold"); rare("part"); asm volatile("test %0, %0\\njne __SCT__tp_func_sync" : : "r" (n)); __SCT__tp_func_sync(n); } return external(n) + 2;')}`;
    const { object, extraction, comparison } = await extractPair(code, {
      ...kvm,
      exports: { rare: { owner: 'vmlinux' } },
    });
    // The premise: the jump leads to another section.
    expect(uses(comparison.after, 'f')).toContain('call f.cold');
    expect(told({ extraction })).toEqual(['KLP310 warning f']);
    expect(uses(object, 'f').filter((use) => /f.cold/.test(use))).toEqual([]);
    const mnemonics = object.arch
      .instructions(object.content(pieceOf(object, 'f')))
      .map(({ mnemonic }) => mnemonic);
    expect(mnemonics.filter((mnemonic) => mnemonic === 'nopl')).toHaveLength(1);
    expect(mnemonics).not.toContain('(bad)');
    // The calls of the probes there are taken out by themselves, conditional ones whole.
    const cold = (model: typeof object) => model.arch.instructions(model.content(pieceOf(model, 'f.cold')));
    expect(cold(comparison.after).some(({ mnemonic }) => mnemonic === 'jne')).toBe(true);
    expect(cold(object).some(({ mnemonic }) => mnemonic === 'jne')).toBe(false);
    expect(cold(object).map(({ offset }) => offset)).toEqual(
      cold(comparison.after).map(({ offset }) => offset),
    );
    expect(uses(object, 'f.cold').join()).not.toContain('tp_func');
  });

  test('a tracepoint of vmlinux fires as before', async () => {
    const code = traced('if (BRANCH(__tracepoint_sync)) __SCT__tp_func_sync(n); return external(n) + 2;');
    for (const object of ['vmlinux', 'ext4']) {
      const extracted = await extractPair(code, {
        object,
        image: ['__tracepoint_sync', '__SCT__tp_func_sync', '__SCK__tp_func_sync'],
      });
      expect(told(extracted)).toEqual([]);
      expect(uses(extracted.object, 'f')).toContain('call __SCT__tp_func_sync');
      expect(bytesOf(extracted.object, '__jump_table')).toHaveLength(16);
    }
  });
});
