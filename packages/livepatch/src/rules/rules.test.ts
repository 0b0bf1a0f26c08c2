import { EM, findSection, readElf } from '@klpkit/formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { convertKlp } from '../convert.ts';
import { readLivepatch } from '../read.ts';
import type { KlpRelocation, KlpSection, Livepatch, LivepatchTables } from '../read-types.ts';
import { makeModule, sample } from '../testing/module.ts';
import { checkRules, type KernelFacts } from './index.ts';

/** A kernel that the sample fits. */
const kernel: KernelFacts = {
  machine: EM.X86_64,
  vermagic: '1.0 SMP ',
  hasVersions: false,
  hasObject: (object) => object === 'loop',
  symbolCount: (object, name) =>
    name === 'show' || name === 'counter' ? 3 : object === 'loop' || name === 'state' ? 1 : 0,
  exported: (name) => (/^(printk|klp_enable_patch|__this_module)$/.test(name) ? { owner: 'vmlinux' } : null),
  isTraceable: () => true,
};

let ko: Uint8Array;
let good: Livepatch;
let tables: LivepatchTables;
beforeAll(async () => {
  ko = convertKlp(await makeModule(sample), [
    { symbol: 'ref_0_counter', object: 'vmlinux', name: 'counter', sympos: 3, patched: 'vmlinux' },
    { symbol: 'ref_1_counter', object: 'vmlinux', name: 'counter', sympos: 1, patched: 'vmlinux' },
    { symbol: 'ref_2_helper', object: 'loop', name: 'helper', sympos: 0, patched: 'loop' },
    { symbol: 'ref_3_state', object: 'vmlinux', name: 'state', sympos: 0, patched: 'loop' },
  ]);
  good = readLivepatch(ko);
  tables = good.patch as LivepatchTables;
});

const errors = (livepatch: Livepatch, facts: KernelFacts = kernel) =>
  checkRules(livepatch, facts).map(({ id, severity }) => `${severity} ${id}`);

/** The sample with its first object's first function changed. */
const withFunction = (change: Partial<LivepatchTables['objects'][0]['functions'][0]>): Livepatch => {
  const [first, ...others] = tables.objects;
  const functions = [{ ...first.functions[0], ...change }, ...first.functions.slice(1)];
  return { ...good, patch: { ...tables, objects: [{ ...first, functions }, ...others] } };
};

const withObject = (change: Partial<LivepatchTables['objects'][0]>): Livepatch => {
  const [first, second] = tables.objects;
  return {
    ...good,
    klpSections: [],
    klpRelocations: [],
    patch: { ...tables, objects: [first, { ...second, ...change }] },
  };
};

const withRelocation = (change: Partial<KlpRelocation>): Livepatch => ({
  ...good,
  klpRelocations: [{ ...good.klpRelocations[0], ...change }],
});

const withSection = (change: Partial<KlpSection>): Livepatch => ({
  ...good,
  klpSections: [{ ...good.klpSections[0], ...change }],
});

describe('a good livepatch', () => {
  it('has no findings, whether or not the kernel is known', () => {
    expect(good.klpRelocations.length).toBeGreaterThan(3);
    expect(errors(good)).toEqual([]);
    expect(errors(good, {})).toEqual([]);
  });
});

describe('rules about the module', () => {
  it.each<[string, Partial<Livepatch>]>([
    ['error module-machine', { machine: EM.AARCH64 }],
    ['error KLP201', { mark: undefined }],
    ['warning KLP201', { mark: 'N' }],
    ['error KLP202', { license: 'Proprietary' }],
    ['error KLP202', { license: undefined }],
    ['error KLP209', { hasSymbols: false }],
    ['error livepatch-name', { name: 'vmlinux' }],
    ['error module-common-symbol', { commonSymbols: ['shared'] }],
    ['warning KLP224', { vermagic: undefined }],
    ['error KLP224', { vermagic: '1.0 SMP preempt ' }],
    ['error KLP301', { undefinedSymbols: [{ name: 'hidden', weak: false }] }],
    ['warning KLP301', { undefinedSymbols: [{ name: 'hidden', weak: true }] }],
    ['error KLP302', { undefinedSymbols: [{ name: '.klp.sym.vmlinux.hidden,0', weak: true }] }],
  ])('%s', (id, change) => {
    expect(errors({ ...good, ...change })).toEqual([id]);
  });

  it('tells another release from other flags', () => {
    const other = { ...good, vermagic: '1.1 SMP ' };
    const [withVersions] = checkRules(other, { ...kernel, hasVersions: true }).filter(
      ({ id }) => id === 'KLP224',
    );
    expect(withVersions.what).toBe('the livepatch is built for 1.1, the kernel is 1.0');
    const [without] = checkRules(other, kernel);
    expect(without.why).toMatch(/ENOEXEC/);
  });

  it('compares versions of symbols, and misses them', () => {
    const facts: KernelFacts = {
      ...kernel,
      hasVersions: true,
      exported: () => ({ owner: 'vmlinux', crc: 5 }),
    };
    const names = good.undefinedSymbols.map(({ name }) => name);
    const versions = new Map(names.map((name) => [name, 5]));
    expect(names).toContain('printk');
    expect(errors({ ...good, versions }, facts)).toEqual([]);
    versions.set('printk', 6);
    expect(errors({ ...good, versions }, facts)).toEqual(['error KLP224']);
    versions.delete('printk');
    expect(errors({ ...good, versions }, facts)).toEqual(['warning KLP224']);
  });

  it('says when an export makes the livepatch depend on a module', () => {
    const exported = (name: string) => ({ owner: name === 'printk' ? 'drivers/x/y' : 'vmlinux' });
    expect(errors(good, { ...kernel, exported })).toEqual(['warning KLP304']);
  });
});

describe('rules about what is patched', () => {
  it.each<[string, () => Livepatch]>([
    ['error KLP203', () => withFunction({ oldName: 'absent' })],
    ['error KLP203', () => withFunction({ sympos: 4 })],
    ['error KLP204', () => withFunction({ sympos: 0 })],
    ['error KLP209', () => withFunction({ newSymbol: undefined })],
    ['error livepatch-function', () => withFunction({ newSymbol: undefined, hasNew: false })],
    ['error livepatch-function', () => withFunction({ oldName: '' })],
    ['error KLP206', () => withObject({ name: 'snd-hda' })],
    ['error KLP206', () => withObject({ name: 'loop.ko' })],
    ['error KLP206', () => withObject({ name: 'vmlinux', functions: [] })],
    ['warning KLP206', () => withObject({ name: 'absent', functions: [] })],
    ['warning livepatch-empty', () => withObject({ functions: [] })],
    ['error livepatch-object-twice', () => withObject({ name: 'vmlinux', isVmlinux: true, functions: [] })],
    ['error KLP208', () => ({ ...good, patch: { ...tables, unterminated: ['objs'] } })],
    ['error livepatch-pointer', () => ({ ...good, patch: { ...tables, astray: ['states'] } })],
    ['warning livepatch-tables', () => ({ ...good, patch: undefined })],
  ])('%s', (id, make) => {
    expect(errors(make())).toContain(id);
  });

  it('takes position 1 of a unique name, as the kernel does', () => {
    const unique: KernelFacts = { ...kernel, symbolCount: () => 1 };
    expect(errors({ ...withFunction({ sympos: 1 }), klpRelocations: [] }, unique)).toEqual([]);
    expect(errors({ ...withFunction({ sympos: 2 }), klpRelocations: [] }, unique)).toEqual(['error KLP203']);
  });

  it('takes positions 0 and 1 for the same function', () => {
    const twice = (sympos: number) => {
      const [one] = tables.objects[1].functions;
      return withObject({ functions: [one, { ...one, sympos }] });
    };
    const facts: KernelFacts = {
      ...kernel,
      symbolCount: (object, name) => (object === 'loop' ? 1 : (kernel.symbolCount?.(object, name) ?? 0)),
    };
    expect(errors(twice(1), facts)).toEqual(['error KLP207']);
  });

  it('wants an ftrace site', () => {
    const facts: KernelFacts = { ...kernel, isTraceable: (_, name) => name !== 'open' };
    expect(errors(good, facts)).toEqual(['error KLP205']);
  });
});

describe('rules about KLP relocations', () => {
  it.each<[string, () => Livepatch]>([
    ['error KLP302', () => withSection({ object: undefined })],
    ['error KLP302', () => withSection({ flags: 0x42 })],
    ['error KLP302', () => withSection({ flags: 0x100040 })],
    ['error KLP302', () => withSection({ type: 1 })],
    ['error KLP302', () => withSection({ linksToSymbols: false })],
    ['error KLP302', () => withSection({ target: undefined })],
    ['error KLP302', () => withSection({ targetIsLoaded: false })],
    ['error klp-orphan', () => withSection({ object: 'other' })],
    ['error KLP302', () => withRelocation({ isMarked: false })],
    ['error KLP302', () => withRelocation({ name: undefined, symbolObject: undefined, sympos: undefined })],
    ['error KLP303', () => withRelocation({ patchedObject: 'loop' })],
    ['warning klp-module-from-vmlinux', () => withRelocation({ symbolObject: 'loop' })],
    ['error klp-relocation-type', () => withRelocation({ size: undefined })],
    ['error klp-target-not-zero', () => withRelocation({ isZero: false })],
    ['error KLP203', () => withRelocation({ name: 'absent' })],
    ['error KLP204', () => withRelocation({ sympos: 0, symbol: 'x' })],
    [
      'error KLP310',
      () => withRelocation({ patchedObject: 'loop', symbolObject: 'loop', target: '__jump_table' }),
    ],
    [
      'error KLP311',
      () => withRelocation({ patchedObject: 'loop', symbolObject: 'loop', target: '.static_call_sites' }),
    ],
  ])('%s', (id, make) => {
    expect(errors(make())).toContain(id);
  });

  it('warns where the kernel does not take relocations back', () => {
    expect(errors(good, { ...kernel, clearsRelocations: true })).toEqual([]);
    expect(errors(good, { ...kernel, clearsRelocations: false })).toEqual(['warning klp-target-reload']);
    const builtIn = {
      ...good,
      klpRelocations: good.klpRelocations.filter((one) => one.patchedObject === 'vmlinux'),
    };
    expect(errors(builtIn, { ...kernel, clearsRelocations: false })).toEqual([]);
  });

  it('wants no klp_object for sections of vmlinux', () => {
    const [, second] = tables.objects;
    const patch = { ...tables, objects: [second] };
    expect(good.klpSections.some(({ object }) => object === 'vmlinux')).toBe(true);
    expect(errors({ ...good, patch })).toEqual([]);
    expect(errors({ ...good, patch: { ...tables, objects: [tables.objects[0]] } })).toEqual([
      'error klp-orphan',
    ]);
  });

  it('sees what a careless tool does to the file', () => {
    const damaged = Uint8Array.from(ko);
    const elf = readElf(damaged);
    const text = findSection(elf, '.text.__klpkit_new_0_show');
    damaged.fill(1, text?.offset, (text?.offset ?? 0) + (text?.size ?? 0));
    expect(errors(readLivepatch(damaged))).toContain('error klp-target-not-zero');
  });
});
