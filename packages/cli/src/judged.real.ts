import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModule } from '../../livepatch/src/testing/module.ts';
import { demoPatch, demoSource } from './demo-fix.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

let folder = '';
let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12');
  folder = mkdtempSync(join(tmpdir(), 'klpkit-judged-real-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A fix of one source file of the kernel. */
function fixOf(path: string, was: string, is: string): string {
  const before = readFileSync(join(kernel.sourceDir, path), 'utf8');
  expect(before, `premise: ${path} has the text`).toContain(was);
  const text = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, before.replace(was, is), '', '');
  return written(`${path.replaceAll('/', '_')}.patch`, text);
}

/** A livepatch of functions of vmlinux, for the kernel at hand. */
async function livepatchOf(...names: string[]): Promise<string> {
  const source = [
    // modpost's part of a module.
    'struct module __this_module;',
    ...names.map((name) => `int new_${name}(int x) { return x; }`),
    `static struct klp_func funcs[] = { ${names.map((name) => `{ "${name}", new_${name} }, `).join('')}{ } };`,
    'static struct klp_object objs[] = { { 0, funcs }, { } };',
    'static struct klp_patch patch = { &__this_module, objs, 0, 1 };',
    'init { return klp_enable_patch(&patch); }',
  ].join('\n');
  const marks = `INFO(name, "test") INFO(license, "GPL") INFO(vermagic, "${kernel.release} SMP preempt mod_unload modversions ") INFO(livepatch, "Y")\n`;
  return written(`${names.join('-')}.ko`, await makeModule(source, marks));
}

describe('klpkit check against a kernel', () => {
  it('finds the kernel by the version magic, and what it does not have', async () => {
    const { code, stdout } = await klpkit('check', await livepatchOf('no_such_function'), '--json');
    const answer = v.parse(schemas.check, JSON.parse(stdout));
    if (answer.outcome !== 'findings') throw new Error(answer.outcome);
    expect({ code, kernel: answer.kernel }).toEqual({ code: 1, kernel: kernel.id });
    expect(answer.findings.filter(({ severity }) => severity === 'error').map(({ id }) => id)).toEqual([
      'KLP203',
    ]);
  });

  it('passes a function that is there, and notices one that cannot be traced', async () => {
    expect((await klpkit('check', await livepatchOf('lock_rename', 'do_renameat2'))).code).toBe(0);
    const start = await klpkit('check', await livepatchOf('start_kernel'));
    expect(start.code).toBe(1);
    expect(start.stdout).toContain('error KLP205');
  });

  it('names callers with copies when it may compile the source, else says that it did not look', async () => {
    const alone = await livepatchOf('lock_rename');
    expect((await klpkit('check', alone)).stdout).toMatch(/not checked, for want of .*--sources.*: .*KLP102/);
    const looked = await klpkit('check', alone, '--sources');
    expect(looked.code).toBe(1);
    expect(looked.stdout).toContain(
      'error KLP102: lock_rename: lock_rename of vmlinux is replaced, but do_renameat2 holds a copy of it and is not',
    );
    const both = await klpkit('check', await livepatchOf('lock_rename', 'do_renameat2'), '--sources');
    expect(both.stdout).not.toContain('KLP102');
  });
});

describe('klpkit assess', () => {
  const assess = async (patch: string) => {
    const { code, stdout } = await klpkit('assess', patch, '--kernel', kernel.id, '--json');
    return { code, answer: v.parse(schemas.assess, JSON.parse(stdout)) };
  };

  it('says yes to a fix that can be livepatched, and what would be patched', async () => {
    const patch = demoPatch(readFileSync(join(kernel.sourceDir, demoSource), 'utf8')) ?? '';
    const { code, answer } = await assess(written('demo.patch', patch));
    expect({ code, outcome: answer.outcome }).toEqual({ code: 0, outcome: 'yes' });
    if (answer.outcome === 'failed') throw new Error('failed');
    expect(answer.units.flatMap(({ functions }) => functions.map(({ name }) => name))).toEqual([
      'version_proc_show',
    ]);
    expect(answer.units[0]?.functions[0]?.reasons[0]).toContain('the fix edits its source');
    // The unit whose source is edited is looked at with its debug information.
    expect(answer.unchecked.flatMap(({ missing }) => missing)).not.toContain('dwarf');
  });

  it('says no with every reason, and 4 when nothing changes', async () => {
    const init = fixOf('fs/proc/version.c', 'proc_create_single("version"', 'proc_create_single("Version"');
    const refused = await assess(init);
    expect({ code: refused.code, outcome: refused.answer.outcome }).toEqual({ code: 1, outcome: 'refused' });
    const comment = await assess(
      fixOf('fs/proc/cmdline.c', 'static int cmdline', '/* shown */\nstatic int cmdline'),
    );
    expect({ code: comment.code, outcome: comment.answer.outcome }).toEqual({ code: 4, outcome: 'nothing' });
  });

  it('tells the verdict first on a terminal', async () => {
    const patch = demoPatch(readFileSync(join(kernel.sourceDir, demoSource), 'utf8')) ?? '';
    const { stdout } = await klpkit('assess', written('demo.patch', patch), '--kernel', kernel.id);
    expect(stdout).toMatch(
      /yes, it can be livepatched by the binary route\n[\s\S]*fs\/proc\/version\.c[\s\S]*0 errors/,
    );
  });
});
