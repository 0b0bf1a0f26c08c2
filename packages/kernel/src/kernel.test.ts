import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Refusal, UsageError } from '@klpkit/findings';
import { FormatError } from '@klpkit/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addKernel,
  configFacts,
  findKernel,
  type Kernel,
  listKernels,
  listModules,
  loadModule,
  moduleName,
  openKernel,
  parseSymvers,
  removeKernel,
  sameCompiler,
} from './index.ts';
import { debsFolder, kernelFolder, kernelManifest, sourcesFolder } from './store.ts';

const root = mkdtempSync(join(tmpdir(), 'klpkit-kernel-'));
const before = process.env.XDG_CACHE_HOME;
beforeAll(() => {
  process.env.XDG_CACHE_HOME = root;
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A kernel's folder as adding leaves it, without the kernel. */
function store(release: string, source: string, sourceVersion = '1-1'): Kernel {
  const id = `debian:${release}`;
  const dir = kernelFolder(id);
  const sourceDir = join(sourcesFolder(), source);
  const kernel: Kernel = {
    id,
    release,
    arch: 'x86',
    dir,
    vmlinuz: join(dir, 'root/boot/vmlinuz'),
    vmlinux: join(dir, 'vmlinux'),
    modulesDir: join(dir, 'root/lib/modules', release),
    buildDir: join(dir, 'build'),
    sourceDir,
    headersDir: join(dir, 'root/usr/src/headers'),
    compiler: 'gcc-12',
    compilerVersion: 'gcc-12 (Debian 12.2.0-14) 12.2.0',
    moduleSymvers: join(dir, 'Module.symvers'),
    moduleLds: '/elsewhere/module.lds',
    objtool: join(dir, 'objtool'),
    modpost: join(dir, 'modpost'),
    sourceVersion,
  };
  write(join(sourceDir, 'Makefile'));
  write(join(dir, 'kernel.json'), kernelManifest(kernel, dir));
  return kernel;
}

describe('the kernels in the cache', () => {
  it('come back as they were stored, with relative paths inside the cache', async () => {
    const kernel = store('6.12.1-amd64', 'linux-source-6.12_1-1');
    expect(await findKernel(kernel.id)).toEqual(kernel);
    const manifest = readFileSync(join(kernel.dir, 'kernel.json'), 'utf8');
    expect(manifest).not.toContain(root);
    expect(manifest).toContain('"moduleLds": "/elsewhere/module.lds"');
    expect(await findKernel('debian:6.12.2-amd64')).toBeUndefined();
  });

  it('are opened by id, release, or a beginning that fits one', async () => {
    store('6.12.1-amd64', 'linux-source-6.12_1-1');
    store('6.12.1-amd64-long', 'linux-source-6.12_1-1');
    expect((await listKernels()).map(({ release }) => release)).toEqual([
      '6.12.1-amd64',
      '6.12.1-amd64-long',
    ]);
    expect((await openKernel('6.12.1-amd64')).release).toBe('6.12.1-amd64');
    expect((await openKernel('debian:6.12.1-amd64-l')).release).toBe('6.12.1-amd64-long');
    await expect(openKernel('6.12.')).rejects.toThrow(
      '6.12. fits more than one kernel: debian:6.12.1-amd64, debian:6.12.1-amd64-long',
    );
    const error = await openKernel('6.1.0').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ next: 'klpkit kernel add debian:6.1.0' });
  });

  it('are opened by a series, the newest first', async () => {
    const old = store('6.1.0-9-amd64', 'linux-source-6.1_9', '6.1.9-1');
    const young = store('6.1.0-10-amd64', 'linux-source-6.1_10', '6.1.10-1');
    const rt = store('6.1.0-11-rt-amd64', 'linux-source-6.1_11', '6.1.11-1');
    expect((await openKernel('6.1')).release).toBe(young.release);
    expect((await openKernel('debian:6.1-rt-amd64')).release).toBe(rt.release);
    expect((await openKernel('debian:6.12')).release).toBe('6.12.1-amd64');
    for (const { id } of [old, young, rt]) await removeKernel(id);
    await expect(openKernel('6.1-rt-amd64')).rejects.toThrow('no kernel 6.1-rt-amd64 in the cache');
  });

  it('are removed with their source when nobody else uses it', async () => {
    const one = store('6.12.1-amd64', 'linux-source-6.12_1-1');
    const two = store('6.12.1-amd64-long', 'linux-source-6.12_1-1');
    write(join(debsFolder(), 'linux-source-6.12_1-1.deb'));
    write(join(debsFolder(), 'linux-source-6.12_2-1.deb'));
    expect(await removeKernel('debian:6.12.1-amd64')).toBe(one.id);
    expect(await findKernel(one.id)).toBeUndefined();
    expect(await findKernel(two.id)).toEqual(two);
    expect(readFileSync(join(debsFolder(), 'linux-source-6.12_1-1.deb'), 'utf8')).toBe('');
    await removeKernel(two.id);
    expect(() => readFileSync(join(one.sourceDir, 'Makefile'))).toThrow('ENOENT');
    expect(() => readFileSync(join(debsFolder(), 'linux-source-6.12_1-1.deb'))).toThrow('ENOENT');
    expect(readFileSync(join(debsFolder(), 'linux-source-6.12_2-1.deb'), 'utf8')).toBe('');
  });

  it('whose source is gone say how to get it back', async () => {
    const kernel = store('6.12.3-amd64', 'linux-source-6.12_3-1');
    rmSync(kernel.sourceDir, { recursive: true });
    await expect(openKernel(kernel.id)).rejects.toMatchObject({ next: `klpkit kernel add ${kernel.id}` });
    expect(await findKernel(kernel.id)).toBeUndefined();
    await removeKernel(kernel.id);
    expect(await listKernels()).toEqual([]);
  });
});

describe('modules', () => {
  it('are named as the kernel names them', () => {
    expect(moduleName('sound/pci/hda/snd-hda-intel.ko.xz')).toBe('snd_hda_intel');
    expect(moduleName('fs/ext4/ext4')).toBe('ext4');
  });

  it('are listed from modules.order, installed or built, and from the folder without it', async () => {
    const kernel = { ...store('m', 's'), modulesDir: join(root, 'installed') };
    write(join(kernel.modulesDir, 'kernel/b/x-y.ko.xz'));
    write(join(kernel.modulesDir, 'modules.order'), 'kernel/b/x-y.ko\n');
    const xy = { name: 'x_y', ko: 'b/x-y.ko' };
    expect(await listModules(kernel)).toMatchObject([
      { ...xy, path: join(kernel.modulesDir, 'kernel/b/x-y.ko.xz') },
    ]);
    const built = { ...kernel, modulesDir: join(root, 'built') };
    write(join(built.modulesDir, 'b/x-y.ko'));
    write(join(built.modulesDir, 'modules.order'), 'b/x-y.o\n');
    expect(await listModules(built)).toMatchObject([{ ...xy, path: join(built.modulesDir, 'b/x-y.ko') }]);
    const bare = { ...kernel, modulesDir: join(root, 'bare') };
    write(join(bare.modulesDir, 'kernel/b/x-y.ko.zst'));
    expect(await listModules(bare)).toMatchObject([xy]);
    await expect(loadModule(bare, 'nosuch')).rejects.toThrow('ships no module nosuch');
  });

  it('export what Module.symvers says', () => {
    const text = '0x1a\tone\tvmlinux\tEXPORT_SYMBOL\t\n0xffffffff\ttwo\tfs/x\tEXPORT_SYMBOL_GPL\tNS\n';
    expect([...parseSymvers(text)]).toEqual([
      ['one', { crc: 0x1a, owner: 'vmlinux', gpl: false, namespace: undefined }],
      ['two', { crc: 0xffffffff, owner: 'fs/x', gpl: true, namespace: 'NS' }],
    ]);
    expect(() => parseSymvers(`${text}damaged\n`)).toThrow(FormatError);
    expect(() => parseSymvers(`${text}damaged\n`)).toThrow('in line 3, found "damaged"');
  });
});

describe('a build tree', () => {
  it('that is incomplete is refused with everything that it lacks', async () => {
    const tree = join(root, 'tree');
    write(join(tree, '.config'));
    const error = await addKernel({ buildTree: tree }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Refusal);
    const lacks = (error as Refusal).findings.map(({ what }) => what.replace(`${tree} lacks `, ''));
    expect(lacks).toContain('Module.symvers');
    expect(lacks).toContain('arch/x86/boot/bzImage or vmlinux');
    expect(lacks).not.toContain('.config');
    expect(lacks).toHaveLength(9);
  });
});

it('what names no kernel is refused', async () => {
  await expect(addKernel('fedora:42')).rejects.toThrow(UsageError);
  await expect(addKernel('debian:fedora')).rejects.toThrow(UsageError);
});

it('a compiler is the same by its version, not by the name that it is called by', () => {
  const debian = 'gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0';
  expect(sameCompiler(debian, `x86_64-linux-gnu-${debian}`)).toBe(true);
  expect(sameCompiler(debian, 'gcc-12 (Debian 12.2.0-14) 12.2.0')).toBe(false);
  expect(sameCompiler('gcc', 'gcc')).toBe(false);
});

it('the facts of a configuration say what is wrong with it', () => {
  const bad = (...on: string[]) =>
    configFacts(new Map(on.map((option) => [option, 'y'])))
      .filter(({ isGood }) => !isGood)
      .map(({ option }) => option);
  expect(bad()).toEqual(['CONFIG_LIVEPATCH', 'CONFIG_HAVE_RELIABLE_STACKTRACE', 'CONFIG_KALLSYMS_ALL']);
  const good = bad(
    'CONFIG_LIVEPATCH',
    'CONFIG_HAVE_RELIABLE_STACKTRACE',
    'CONFIG_KALLSYMS_ALL',
    'CONFIG_LTO_CLANG',
  );
  expect(good).toEqual(['CONFIG_LTO_CLANG']);
});
