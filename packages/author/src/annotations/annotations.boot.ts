import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addKernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootGuest, type Done, type Guest } from '../../../pitfalls/testing/guest.ts';
import { type BuiltLivepatch, buildLivepatch } from '../build/index.ts';
import { checkUpgrade } from '../judge/index.ts';
import { patchOf } from './testing/patch.ts';

/**
 * A fix that counts reads of /proc/cmdline in a shadow variable, with all callbacks and a state of that version; it reads a static key
 * and makes a static call without a table of either.
 */
const fixed = (source: string, { header, prefix, state }: Spelling) =>
  source
    .replace(
      '#include "internal.h"',
      `#include "${header}"\n#include "internal.h"\n#define READS 0x6b6c700000000001\n#define STATE 7`,
    )
    .replace(
      "\tseq_putc(m, '\\n');\n",
      '\tseq_putc(m, \'\\n\');\n\tif (klp_shadow_get(NULL, READS))\n\t\tseq_printf(m, "read %d times\\n", ++*(int *)klp_shadow_get(NULL, READS));\n\tseq_printf(m, "key %d\\n", KLPKIT_STATIC_KEY_ENABLED(init_on_alloc));\n',
    )
    .replace(
      'static int __init',
      `static int take_over(struct klp_object *obj)
{
	struct klp_state *before = klp_get_prev_state(STATE);

	${prefix}_STATIC_CALL(cond_resched)();

	if (!klp_shadow_get_or_alloc(NULL, READS, sizeof(int), GFP_KERNEL, NULL, NULL))
		return -ENOMEM;
${state === '' ? '' : '	klpkit_get_state(STATE)->data = before ? before->data : (void *)42;\n'}	pr_info("fix: pre_patch%s %lu\\n", before ? " after" : "", before ? (unsigned long)before->data : 0UL);
	return 0;
}
${prefix}_PRE_PATCH_CALLBACK(take_over);

static void patched(struct klp_object *obj)
{
	pr_info("fix: post_patch\\n");
}
${prefix}_POST_PATCH_CALLBACK(patched);

static void leaving(struct klp_object *obj)
{
	pr_info("fix: pre_unpatch\\n");
}
${prefix}_PRE_UNPATCH_CALLBACK(leaving);

static void gone(struct klp_object *obj)
{
	klp_shadow_free_all(READS, NULL);
	pr_info("fix: post_unpatch\\n");
}
${prefix}_POST_UNPATCH_CALLBACK(gone);
${state}

static int __init`,
    );

/** The macros that an author may know. */
interface Spelling {
  readonly header: string;
  readonly prefix: string;
  readonly state: string;
}

const releases = {
  fix_1: { header: 'klpkit/livepatch.h', prefix: 'KLPKIT', state: 'KLPKIT_STATE(STATE, 1);' },
  fix_2: { header: 'linux/livepatch_helpers.h', prefix: 'KLP', state: 'KLPKIT_STATE(STATE, 2);' },
  fix_stateless: { header: 'kpatch-macros.h', prefix: 'KPATCH', state: '' },
};
type Release = keyof typeof releases;

describe('a fix with callbacks, a state and a shadow variable', () => {
  const built = new Map<Release, BuiltLivepatch>();
  const done = new Map<string, Done>();
  const shown: string[] = [];
  let guest: Guest | undefined;

  const file = (name: Release) => ({ file: `${name}.ko`, bytes: built.get(name)?.ko ?? new Uint8Array(0) });
  /** What the fix and the livepatch core say in a step. */
  const said = (step: string) =>
    (done.get(step)?.log ?? []).flatMap(
      (line) => /(?:fix|livepatch): (?!tainting)(.*)/.exec(line)?.[1] ?? [],
    );

  beforeAll(async () => {
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const source = await readFile(join(kernel.sourceDir, 'fs/proc/cmdline.c'), 'utf8');
    for (const [name, spelling] of Object.entries(releases)) {
      const text = patchOf('fs/proc/cmdline.c', source, fixed(source, spelling));
      const result = await buildLivepatch(kernel, [{ name: `${name}.patch`, text }], {
        name,
        sourceLines: false,
      });
      if (result.outcome !== 'built') throw new Error(`${name}: nothing to build`);
      built.set(name as Release, result);
    }
    const modules = [...built].map(([name, { ko }]) => ({ name, ko }));
    const vm = await bootGuest(kernel, modules, []);
    guest = vm;
    const enable = async (step: string, name: Release) => {
      const loaded = await vm.load(name);
      const settled = loaded.error === '' ? await vm.settled(name, 60_000) : loaded;
      done.set(step, {
        error: loaded.error || settled.error,
        log: loaded === settled ? loaded.log : [...loaded.log, ...settled.log],
      });
      shown.push((await vm.read('/proc/cmdline')).split('\n').slice(1).join(', '));
    };
    await enable('first', 'fix_1');
    await enable('stateless', 'fix_stateless');
    await enable('second', 'fix_2');
    done.set('unload', await vm.unload('fix_1'));
    await enable('back', 'fix_1');
    done.set('disable', await vm.disable('fix_2', 60_000));
    shown.push((await vm.read('/proc/cmdline')).split('\n').slice(1).join(', '));
  });
  afterAll(() => guest?.end());

  it('runs each callback when the kernel does, with what it refers to', () => {
    expect(said('first')).toEqual([
      "enabling patch 'fix_1'",
      'pre_patch 0',
      "'fix_1': starting patching transition",
      'post_patch',
      "'fix_1': patching complete",
    ]);
    expect(said('disable')).toEqual([
      'pre_unpatch',
      "'fix_2': starting unpatching transition",
      'post_unpatch',
      "'fix_2': unpatching complete",
    ]);
    expect(built.get('fix_1')?.plan.objects[0]?.callbacks?.map(({ kind }) => kind)).toEqual([
      'pre_patch',
      'post_patch',
      'pre_unpatch',
      'post_unpatch',
    ]);
  });

  it('hands the state and the shadow variable over, and runs no callback of what is replaced', () => {
    expect(done.get('second')?.error).toBe('');
    expect(said('second')).toEqual([
      "enabling patch 'fix_2'",
      'pre_patch after 42',
      "'fix_2': starting patching transition",
      'post_patch',
      "'fix_2': patching complete",
    ]);
    expect(done.get('unload')?.error).toBe('');
    expect(shown).toEqual([...[1, 2, 3, 4].map((count) => `read ${count} times, key 1`), '']);
  });

  it('agrees with what upgrade says of them', async () => {
    const says = async (older: Release, newer: Release) => checkUpgrade(file(older), file(newer));
    expect((await says('fix_1', 'fix_2')).outcome).toBe('replaces');
    for (const [step, older, newer] of [
      ['stateless', 'fix_1', 'fix_stateless'],
      ['back', 'fix_2', 'fix_1'],
    ] as const) {
      const upgrade = await says(older, newer);
      expect([upgrade.outcome, upgrade.findings[0]?.id]).toEqual(['refused', 'KLP216']);
      expect(done.get(step)?.error).toBe('EINVAL');
      expect(said(step)).toEqual([
        `Livepatch patch (${newer}) is not compatible with the already installed livepatches.`,
      ]);
    }
    const { callbacks, shadows, downgrade } = await says('fix_1', 'fix_2');
    expect(callbacks.filter(({ of, runs }) => of === 'older' && runs === 'never')).toHaveLength(2);
    expect(shadows).toMatchObject([
      { id: 0x6b6c_7000_0000_0001n, older: { sizes: [4n] }, newer: { sizes: [4n] } },
    ]);
    expect(downgrade).toMatchObject({ how: 'load', outcome: 'refused' });
  });
});
