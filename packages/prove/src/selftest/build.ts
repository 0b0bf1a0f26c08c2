import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { CommandFailed, contentKey, makeFolderAtomic, run } from '@klpkit/host';
import { cleanEnvironment, type Kernel } from '@klpkit/kernel';
import type { GuestFile } from '../guest/initramfs.ts';

/** The kernel's own livepatch tests, built. */
export interface BuiltTests {
  /** The scripts, in the order of the kernel's makefile, each with the number of its cases. */
  readonly scripts: readonly { readonly name: string; readonly cases: number }[];
  /** Scripts, modules and programs below /selftest, for the VM. */
  readonly files: readonly GuestFile[];
  /** The scripts load modules by name rather than by file: 6.1 and others before 6.9. */
  readonly byName: boolean;
}

const testFolder = 'tools/testing/selftests/livepatch';
/** Where kernels before 6.9 have the modules of the tests. */
const oldModules = 'lib/livepatch';

/**
 * Builds the livepatch tests of the kernel's source against its headers, in the kernel's folder of the cache; what was built stays
 * there.
 *
 * @throws {UsageError} where the source has no such tests, or they do not compile
 */
export async function buildTests(kernel: Kernel, signal?: AbortSignal): Promise<BuiltTests> {
  const source = join(kernel.sourceDir, testFolder);
  const own = join(source, 'test_modules');
  const byName = !existsSync(own);
  const modules = byName ? join(kernel.sourceDir, oldModules) : own;
  if (!existsSync(join(source, 'functions.sh')) || !existsSync(modules))
    throw new UsageError(`the source of ${kernel.id} has no livepatch tests in ${testFolder}`);
  const names = (await readdir(modules)).filter((name) => /^test_klp\w*\.c$/.test(name)).sort();
  const programs = (await readdir(source)).filter((name) => name.endsWith('.c')).sort();
  const sources = await Promise.all([
    ...names.map((name) => readFile(join(modules, name))),
    ...programs.map((name) => readFile(join(source, name))),
  ]);
  const key = contentKey('1', kernel.compilerVersion, ...names, ...programs, ...sources).slice(0, 16);
  const folder = join(kernel.dir, 'selftest', key);
  await makeFolderAtomic(folder, async (tmp) => {
    const work = join(tmp, 'work');
    await mkdir(work);
    for (const name of names) await copyFile(join(modules, name), join(work, name));
    const objects = names.map((name) => `obj-m += ${name.replace(/\.c$/, '.o')}\n`);
    await writeFile(join(work, 'Kbuild'), objects.join(''));
    await make(kernel, work, signal);
    for (const name of names) {
      const ko = name.replace(/\.c$/, '.ko');
      await copyFile(join(work, ko), join(tmp, ko));
    }
    for (const name of programs) {
      const argv = [
        kernel.compiler,
        '-O2',
        '-static',
        '-o',
        join(tmp, name.replace(/\.c$/, '')),
        join(source, name),
      ];
      await need(run(argv, { env: cleanEnvironment, timeoutMs: 60_000, ...(signal && { signal }) }));
    }
    await rm(work, { recursive: true });
  });
  const files: GuestFile[] = [];
  for (const name of await readdir(folder)) {
    const isModule = name.endsWith('.ko');
    const place = !isModule
      ? '/selftest'
      : byName
        ? `/lib/modules/${kernel.release}/extra`
        : '/selftest/test_modules';
    files.push({
      path: `${place}/${name}`,
      data: await readFile(join(folder, name)),
      mode: isModule ? 0o644 : 0o755,
    });
  }
  const scripts: { name: string; cases: number }[] = [];
  for (const name of await scriptNames(source)) {
    const data = await readFile(join(source, name));
    files.push({ path: `/selftest/${name}`, data, mode: 0o755 });
    if (name === 'functions.sh') continue;
    scripts.push({ name, cases: data.toString().match(/^\s*start_test\b/gm)?.length ?? 0 });
  }
  return { scripts, files, byName };
}

/** The scripts that the makefile names, in its order, and what they share. */
async function scriptNames(source: string): Promise<string[]> {
  const makefile = (await readFile(join(source, 'Makefile'), 'utf8')).replaceAll('\\\n', ' ');
  const listed = /^TEST_PROGS\s*:?=(.*)$/m
    .exec(makefile)?.[1]
    ?.split(/\s+/)
    .filter((name) => /^[\w-]+\.sh$/.test(name));
  return ['functions.sh', ...(listed ?? [])];
}

/**
 * Kbuild with the source's makefile and the headers as its objects. Types in BTF form need a program that is not always there, and no
 * test looks at them.
 */
async function make(kernel: Kernel, folder: string, signal?: AbortSignal): Promise<void> {
  const argv = ['make', '-rR', '-C', kernel.headersDir, '-f', join(kernel.sourceDir, 'Makefile'), '-j2'];
  argv.push(`ARCH=${kernel.arch}`, `CC=${kernel.compiler}`, 'CONFIG_DEBUG_INFO_BTF_MODULES=');
  argv.push(`M=${folder}`, 'modules');
  await need(run(argv, { env: cleanEnvironment, timeoutMs: 600_000, ...(signal && { signal }) }));
}

async function need(running: Promise<unknown>): Promise<void> {
  await running.catch((error: unknown) => {
    if (!(error instanceof CommandFailed)) throw error;
    const words = error.stderr.trim().split('\n').slice(-5).join('\n');
    throw new UsageError(`the livepatch tests of the kernel do not compile:\n${words}`);
  });
}
