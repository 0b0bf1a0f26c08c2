import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addKernel } from '@klpkit/kernel';
import { formatScenario, runScenario, type ScenarioResult } from '@klpkit/prove';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BuiltLivepatch, buildLivepatch } from '../build/index.ts';
import { checkModule } from '../judge/index.ts';
import { patchOf } from './testing/patch.ts';

/**
 * Numbers the lines of /proc/PID/mounts. What the kernel keeps of such an open file has no room for a number, so each gets a shadow
 * variable: as it is opened, or when it is met, if it was open before; until it is closed, or the livepatch goes.
 */
const fixed = (source: string) =>
  source
    .replace(
      '#include "internal.h"\n',
      `#include "internal.h"
#include <klpkit/livepatch.h>

#define LINES 0x6b6c700000000002

struct lines {
	const void *of;
	unsigned int count;
};

static int lines_init(void *obj, void *shadow, void *how)
{
	((struct lines *)shadow)->of = obj;
	pr_info("fix: made %s\\n", (const char *)how);
	return 0;
}

static void lines_exit(void *obj, void *shadow)
{
	pr_info("fix: freed after %u lines%s\\n", ((struct lines *)shadow)->count,
		((struct lines *)shadow)->of == obj ? "" : ", of another");
}

static void gone(struct klp_object *obj)
{
	klp_shadow_free_all(LINES, lines_exit);
	pr_info("fix: gone\\n");
}
KLPKIT_POST_UNPATCH_CALLBACK(gone);
`,
    )
    .replace(
      '\tp->show = show;\n',
      '\tp->show = show;\n\tklp_shadow_alloc(p, LINES, sizeof(struct lines), GFP_KERNEL, lines_init, "as it is opened");\n',
    )
    .replace(
      '\tseq_puts(m, " 0 0\\n");\n',
      `	{
		struct lines *lines = klp_shadow_get_or_alloc(p, LINES, sizeof(*lines), GFP_KERNEL, lines_init,
							      "in flight");

		if (lines)
			seq_printf(m, " 0 0 # %u\\n", ++lines->count);
		else
			seq_puts(m, " 0 0\\n");
	}
`,
    )
    .replace(
      '\tput_mnt_ns(p->ns);\n\treturn seq',
      '\tput_mnt_ns(p->ns);\n\tklp_shadow_free(p, LINES, lines_exit);\n\treturn seq',
    );

const scenario = `name: lines
modules: { patch: , again: }
steps:
  - title: a file that is open before the livepatch is there
    background: >-
      exec 3</proc/self/mounts; while ! [ -e /tmp/go ]; do usleep 10000; done; cat <&3; exec 3<&-;
      touch /tmp/done; sleep 600
    name: early
  - load: patch
  - title: from birth until it is closed
    run: head -n 2 /proc/self/mounts
    expect: '/^rootfs .* 0 0 # 1\\n.* 0 0 # 2\\n$/'
    log: ['fix: made as it is opened', /fix. freed after \\d+ lines$/]
  - title: in flight
    run: touch /tmp/go; while ! [ -e /tmp/done ]; do usleep 10000; done; cat /tmp/klpkit/early.0.out
    expect: '/^rootfs .* 0 0 # 1\\n.* 0 0 # 2\\n/'
    log: ['fix: made in flight', /fix. freed after \\d+ lines$/]
  - title: a file that stays open when the livepatch goes
    background: exec 3</proc/self/mounts; read line <&3; touch /tmp/read; sleep 600
    name: late
  - run: while ! [ -e /tmp/read ]; do usleep 10000; done
  - disable: patch
    log: [/fix. freed after \\d+ lines$/, "fix: gone", unpatching complete]
  - unload: patch
  - title: it is closed by the old code
    stop: late
    no-log: fix
  - run: cat /proc/self/mounts
    expect-not: "#"
  - title: nothing of it was left to the next
    load: again
    log: patching complete
    no-log: fix
  - run: head -n 1 /proc/self/mounts
    expect: '/^rootfs .* # 1\\n$/'
    log: 'fix: made as it is opened'
  - disable: again
    log: 'fix: gone'
  - unload: again
  - { stop: early, always: true }
`;

describe.each(['debian:6.12.117+deb12-amd64', 'debian:6.1.0-56-amd64'])(
  'on %s, a fix with a shadow variable for each object',
  (id) => {
    let built: BuiltLivepatch;
    let result: ScenarioResult;

    beforeAll(async () => {
      const kernel = await addKernel(id);
      const path = 'fs/proc_namespace.c';
      const source = await readFile(join(kernel.sourceDir, path), 'utf8');
      const text = patchOf(path, source, fixed(source));
      const build = async (name: string) => {
        const one = await buildLivepatch(kernel, [{ name: `${name}.patch`, text }], {
          name,
          sourceLines: false,
        });
        if (one.outcome !== 'built') throw new Error(`${name}: nothing to build`);
        return one;
      };
      built = await build('lines');
      const modules = { patch: { module: built.ko }, again: { module: (await build('lines_again')).ko } };
      result = await runScenario(kernel, { file: 'lines.yaml', text: scenario, modules });
    });

    it('is built with constructor, destructor and callback, and nothing is wrong with it', async () => {
      const [object] = built.plan.objects;
      expect(object?.functions.map(({ oldName }) => oldName)).toEqual(
        expect.arrayContaining(['mounts_release', 'show_vfsmnt']),
      );
      expect(object?.callbacks?.map(({ kind }) => kind)).toEqual(['post_unpatch']);
      const { judgement } = await checkModule('lines.ko', built.ko, { kernel: await addKernel(id) });
      expect(judgement.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(judgement.findings.map(({ id: pitfall }) => pitfall)).not.toContain('KLP218');
    });

    it('attaches it from birth and in flight, and frees it with its object and with the livepatch', () => {
      expect(result.verdict, formatScenario(result)).toBe('passed');
    });
  },
);
