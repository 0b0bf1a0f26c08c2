import { Refusal } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { glueSource } from './glue.ts';
import { checkNames, livepatchName } from './names.ts';
import type { LivepatchPlan } from './types.ts';

const plan: LivepatchPlan = {
  name: 'livepatch_fix',
  replace: true,
  objects: [
    {
      name: 'vmlinux',
      functions: [{ oldName: 'show', sympos: 0, newSymbol: '__klpkit_new_0_show' }],
    },
    {
      name: 'snd_hda',
      functions: [{ oldName: 'open.isra.0', sympos: 2, newSymbol: '__klpkit_new_1_open.isra.0' }],
    },
  ],
};

const withFunction = (change: Partial<LivepatchPlan['objects'][0]['functions'][0]>): LivepatchPlan => {
  const [first, ...others] = plan.objects;
  return { ...plan, objects: [{ ...first, functions: [{ ...first.functions[0], ...change }] }, ...others] };
};

describe('glueSource', () => {
  it('names functions, objects and positions as the kernel wants them', () => {
    const text = glueSource(plan);
    expect(text).toContain('{ .old_name = "show", .new_func = klpkit_function_0 },');
    expect(text).toContain('{ .old_name = "open.isra.0", .new_func = klpkit_function_1, .old_sympos = 2 },');
    expect(text).toContain('extern void klpkit_function_1(void) __asm__("__klpkit_new_1_open.isra.0");');
    // NULL stands for vmlinux.
    expect(text).toContain('{ .funcs = klpkit_functions_0_vmlinux },');
    expect(text).toContain('{ .name = "snd_hda", .funcs = klpkit_functions_1_snd_hda },');
    expect(text).toContain('MODULE_INFO(livepatch, "Y");');
  });

  it('says whether earlier livepatches are replaced', () => {
    expect(glueSource(plan)).toContain('.replace = true,');
    expect(glueSource({ ...plan, replace: false })).toContain('.replace = false,');
  });

  it('gives objects their callbacks, and the livepatch its states, which code of it finds', () => {
    const [first, ...others] = plan.objects;
    const callbacks = [
      { kind: 'pre_patch' as const, symbol: '__klpkit_callback_0_0_start' },
      { kind: 'post_unpatch' as const, symbol: '__klpkit_callback_0_1_stop' },
    ];
    const more = { ...plan, objects: [{ ...first, callbacks }, ...others], states: [{ id: 7, version: 2 }] };
    const text = glueSource(more);
    expect(text).toContain(
      'extern int klpkit_pre_patch_0(struct klp_object *) __asm__("__klpkit_callback_0_0_start");',
    );
    expect(text).toContain(
      '{ .funcs = klpkit_functions_0_vmlinux, .callbacks.pre_patch = klpkit_pre_patch_0, .callbacks.post_unpatch = klpkit_post_unpatch_0 },',
    );
    expect(text).toContain('\t{ .id = 7UL, .version = 2U },\n\t{ }\n};');
    expect(text).toContain('\nstruct klp_patch klpkit_patch = {\n');
    expect(text).toContain('\t.states = klpkit_states,\n');
    expect(glueSource(plan)).toContain('\nstatic struct klp_patch klpkit_patch = {\n');
    const twice = { ...more, objects: [{ ...first, callbacks: [callbacks[0], callbacks[0]] }] };
    const states = [
      { id: 7, version: 1 },
      { id: 7, version: 1 },
      { id: 0, version: -1 },
    ];
    expect(checkNames({ ...twice, states } as LivepatchPlan).map(({ what }) => what)).toEqual([
      'vmlinux has two pre_patch callbacks',
      'state 7 is twice among the states',
      'a state has the id 0',
      'state 0 has the version -1',
    ]);
  });

  it('refuses names at once', () => {
    const bad = { ...withFunction({ oldName: 'a"b' }), name: 'a-b' };
    expect(() => glueSource(bad)).toThrow(Refusal);
    expect(checkNames(bad)).toHaveLength(2);
    expect(checkNames(plan)).toEqual([]);
  });
});

describe('checkNames', () => {
  it('counts what the kernel counts', () => {
    expect(checkNames({ ...plan, name: 'x'.repeat(55) })).toEqual([]);
    expect(checkNames({ ...plan, name: 'x'.repeat(56) })).toHaveLength(1);
    expect(checkNames({ ...plan, name: 'vmlinux' })).toHaveLength(1);
    expect(checkNames({ ...plan, name: '' })).toHaveLength(1);
    expect(checkNames(withFunction({ oldName: 'f'.repeat(511) }))).toEqual([]);
    expect(checkNames(withFunction({ oldName: 'f'.repeat(512) }))).toHaveLength(1);
    expect(checkNames(withFunction({ sympos: -1 }))).toHaveLength(1);
    expect(checkNames(withFunction({ newSymbol: 'a b' }))).toHaveLength(1);
  });

  it('wants every object and function once, and something to patch', () => {
    const [first, second] = plan.objects;
    const [one] = first.functions;
    expect(checkNames({ ...plan, objects: [] })).toHaveLength(1);
    expect(checkNames({ ...plan, objects: [first, { ...second, functions: [] }] })).toHaveLength(1);
    expect(checkNames({ ...plan, objects: [first, first] })).toHaveLength(1);
    const twice = { ...plan, objects: [{ ...first, functions: [one, { ...one, sympos: 1 }] }] };
    expect(checkNames(twice).map(({ id }) => id)).toEqual(['KLP207']);
    expect(checkNames({ ...plan, objects: [{ ...first, name: 'snd-hda' }] })).toHaveLength(1);
  });

  it('spells a name as the kernel does', () => {
    expect(livepatchName('my-fix-1.2')).toBe('my_fix_1_2');
    expect(checkNames({ ...plan, name: livepatchName('my-fix-1.2') })).toEqual([]);
  });
});
