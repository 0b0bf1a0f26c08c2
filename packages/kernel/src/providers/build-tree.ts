import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { contentKey, makeFolderAtomic, run, withLock } from '@klpkit/host';
import { dumpEnvironment, makeHostTools, requireTools } from '../build-folder.ts';
import { parseConfig } from '../config.ts';
import { prepareImage } from '../image.ts';
import { findKernel, kernelFolder, kernelManifest, lockFile } from '../store.ts';
import type { Kernel } from '../types.ts';
import type { AddOptions } from './debian.ts';

/** What of a build folder makes it usable, and the make target that is missing without it. */
const parts = [
  { path: '.config', target: 'a configured kernel (make olddefconfig)' },
  { path: 'include/config/auto.conf', target: 'make prepare' },
  { path: 'include/generated/autoconf.h', target: 'make prepare' },
  { path: 'include/generated/utsrelease.h', target: 'make prepare' },
  { path: 'arch/x86/include/generated', target: 'make prepare' },
  { path: 'scripts/mod/modpost', target: 'make modules_prepare' },
  { path: 'scripts/module.lds', target: 'make modules_prepare' },
  { path: 'Module.symvers', target: 'make' },
] as const;

/**
 * Adds a kernel that the user built in `folder` (the source tree itself, or the folder of `make O=…`, whose `source` is
 * then followed). The image and modules stay where they are; what single units need is copied, because a folder with
 * finished objects answers no dry run. Throws {@link Refusal} with everything that the folder lacks.
 */
export async function addBuildTree(folder: string, options: AddOptions = {}): Promise<Kernel> {
  const tree = await realpath(folder).catch(() => folder);
  const { vmlinuz, sourceDir } = await checkTree(tree);
  const config = parseConfig(await readFile(join(tree, '.config'), 'utf8'));
  const release =
    /"(.*)"/.exec(await readFile(join(tree, 'include/generated/utsrelease.h'), 'utf8'))?.[1] ?? '';
  const compilerVersion = config.get('CONFIG_CC_VERSION_TEXT') ?? '';
  const compiler = compilerVersion.split(' ')[0] ?? '';
  await requireTools(['make', 'ld', 'cp', 'flock', compiler]);
  const id = `tree:${release}`;
  const stamp = await stampOf(tree, vmlinuz);
  const present = async () => {
    const kernel = await findKernel(id);
    return kernel?.stamp === stamp ? kernel : undefined;
  };
  const known = await present();
  if (known) return known;
  const { onProgress, signal } = options;
  return withLock(
    lockFile(id),
    async () => {
      const made = await present();
      if (made) return made;
      const dir = kernelFolder(id);
      await rm(dir, { recursive: true, force: true });
      await makeFolderAtomic(dir, async (tmp) => {
        onProgress?.({ label: 'make the build folder' });
        const out = join(tmp, 'build');
        await copyTree(tree, out);
        const crossCompile = /^(.*-)gcc/.exec(compiler)?.[1] ?? '';
        const environment = await dumpEnvironment(out, sourceDir, { release, compiler, crossCompile });
        await makeHostTools(out, sourceDir, environment);
        for (const name of Object.keys(environment)) {
          environment[name] = (environment[name] ?? '').replaceAll(tmp, dir);
        }
        await writeFile(join(tmp, 'environment.json'), `${JSON.stringify(environment, null, 2)}\n`);
        const moduleCommon = join(sourceDir, 'scripts/module-common.c');
        const kernel: Kernel = {
          id,
          release,
          arch: 'x86',
          dir: tmp,
          vmlinuz,
          vmlinux: join(tmp, 'vmlinux'),
          modulesDir: tree,
          buildDir: out,
          sourceDir,
          headersDir: tree,
          compiler,
          compilerVersion,
          moduleSymvers: join(tree, 'Module.symvers'),
          moduleLds: join(tree, 'scripts/module.lds'),
          objtool: join(out, 'tools/objtool/objtool'),
          modpost: join(out, 'scripts/mod/modpost'),
          ...(existsSync(moduleCommon) ? { moduleCommon } : {}),
          stamp,
        };
        onProgress?.({ label: 'read the kernel image' });
        const { banner } = await prepareImage(kernel);
        if (!banner.includes(`Linux version ${release} `)) {
          throw new Refusal([
            {
              id: 'build-tree-mixed',
              severity: 'error',
              what: `${vmlinuz} is of another build than its folder: it calls itself ${JSON.stringify(banner)}, the folder ${release}`,
              next: 'finish the build with make',
            },
          ]);
        }
        await writeFile(join(tmp, 'kernel.json'), kernelManifest(kernel, dir));
      });
      const kernel = await findKernel(id);
      if (!kernel) throw new Error(`${dir} was made but cannot be read back`);
      return kernel;
    },
    { signal },
  );
}

async function checkTree(tree: string): Promise<{ vmlinuz: string; sourceDir: string }> {
  const findings: Finding[] = [];
  const lack = (what: string, next: string) =>
    findings.push({ id: 'build-tree-incomplete', severity: 'error', what: `${tree} lacks ${what}`, next });
  for (const { path, target } of parts) {
    if (!existsSync(join(tree, path))) lack(path, `in the kernel's build folder: ${target}`);
  }
  const images = ['arch/x86/boot/bzImage', 'vmlinux'].map((path) => join(tree, path));
  const vmlinuz = images.find((path) => existsSync(path));
  if (!vmlinuz) lack('arch/x86/boot/bzImage or vmlinux', "in the kernel's build folder: make");
  const link = join(tree, 'source');
  const sourceDir = existsSync(link) ? await realpath(link) : tree;
  if (!existsSync(join(sourceDir, 'scripts/Makefile.build'))) {
    lack(
      'the kernel source (scripts/Makefile.build, here or behind the link source)',
      'give the folder that make ran in',
    );
  }
  if (findings.length > 0 || !vmlinuz) throw new Refusal(findings);
  return { vmlinuz, sourceDir };
}

/** Sizes and times of what a build writes last: cheap to take, and another after every build. */
async function stampOf(tree: string, vmlinuz: string): Promise<string> {
  const pieces: string[] = [tree];
  for (const path of [vmlinuz, join(tree, '.config'), join(tree, 'Module.symvers')]) {
    const { size, mtimeMs } = await stat(path);
    pieces.push(`${path} ${size} ${mtimeMs}`);
  }
  return contentKey(...pieces).slice(0, 16);
}

async function copyTree(tree: string, out: string): Promise<void> {
  await mkdir(join(out, 'arch/x86/include'), { recursive: true });
  await mkdir(join(out, 'tools/objtool'), { recursive: true });
  await mkdir(join(out, 'include'), { recursive: true });
  const copy = (from: string, to: string, ...flags: string[]) =>
    run(['cp', '-a', ...flags, join(tree, from), join(out, to)], { timeoutMs: 120_000 });
  for (const folder of ['include/config', 'include/generated']) await copy(folder, 'include');
  await copy('arch/x86/include/generated', 'arch/x86/include');
  await copy('.config', '.');
  await copy('Module.symvers', '.');
  await copy('scripts', '.', '-L');
  if (existsSync(join(tree, 'tools/objtool/objtool'))) await copy('tools/objtool/objtool', 'tools/objtool');
}
