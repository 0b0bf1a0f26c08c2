import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Section, sectionBytes } from '@klpkit/formats';
import { run } from '@klpkit/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addKernel,
  compileEnvironment,
  describeKernel,
  findUnits,
  type Kernel,
  type KernelImage,
  listKernels,
  listModules,
  loadImage,
  loadModule,
  moduleArgv,
  moduleSymvers,
  openKernel,
  type Unit,
  unitsIncluding,
} from './index.ts';
import { debsFolder } from './store.ts';

const release = '6.12.117+deb12-amd64';
let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel(`debian:${release}`);
});

async function compile(unit: Unit): Promise<string> {
  const source = join(kernel.sourceDir, unit.source);
  const argv = [...unit.argv, '-fsyntax-only', '-w', '-c', source];
  const { code, stderr } = await run(argv, {
    cwd: kernel.buildDir,
    env: await compileEnvironment(kernel),
    check: false,
  });
  return code === 0 ? 'compiles' : stderr;
}

describe('the image', () => {
  it('has every symbol of the kernel, and its banner', async () => {
    const { symbols, banner, exports } = await loadImage(kernel);
    expect(symbols.count).toBe(163_205);
    expect(banner).toContain(`Linux version ${release} `);
    expect(banner).toContain(`(${kernel.compilerVersion}, GNU ld`);
    expect(symbols.find('vfs_open')).toHaveLength(1);
    expect(symbols.find('no_such_symbol')).toEqual([]);
    expect(exports.get('kmalloc_noprof') ?? exports.get('__kmalloc_noprof')).toMatchObject({ gpl: false });
  });

  it('knows its types', async () => {
    const btf = (await loadImage(kernel)).btf();
    expect(btf?.count).toBe(112_769);
    const names = btf?.findStruct('klp_func')?.members.map(({ name }) => name);
    expect(names?.slice(0, 3)).toEqual(['old_name', 'new_func', 'old_sympos']);
    expect(btf?.findStruct('no_such_struct')).toBeUndefined();
  });

  it('has several functions of one name in the order of their addresses', async () => {
    const { symbols } = await loadImage(kernel);
    const addresses = symbols.find('c_start').map((index) => symbols.address[index] ?? 0);
    // Those of /proc/cpuinfo, /proc/consoles and the list of ciphers among others.
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses).toEqual([...addresses].sort((a, b) => a - b));
  });

  it('reads the same the first time and from the cache', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'klpkit-image-'));
    try {
      const copy: Kernel = { ...kernel, dir: folder, vmlinux: join(folder, 'vmlinux') };
      const first = await loadImage(copy);
      expect(readdirSync(folder).sort()).toEqual(['symbols-1.bin', 'vmlinux']);
      const second = await loadImage(copy);
      expect(second.banner).toBe(first.banner);
      expect(second.symbols.address).toEqual(first.symbols.address);
      expect(second.symbols.name(100_000)).toBe(first.symbols.name(100_000));
      const text = ({ elf }: KernelImage) =>
        sectionBytes(elf, elf.sections.find(({ name }) => name === '.text') as Section);
      expect(Buffer.compare(text(second), text(first))).toBe(0);
      expect(second.elf.part, 'premise: the one from the cache is read in parts').toBeDefined();
      // What is read later must be of the same file.
      rmSync(copy.vmlinux);
      linkSync(kernel.vmlinux, copy.vmlinux);
      expect(() => second.elf.bytes).toThrow('vmlinux was changed while it was read');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('modules', () => {
  it('are listed and read, with their symbols in the order of .symtab', async () => {
    expect(await listModules(kernel)).toHaveLength(4230);
    const module = await loadModule(kernel, 'snd-hda-intel');
    expect([module.name, basename(module.koPath)]).toEqual(['snd_hda_intel', 'snd-hda-intel.ko.xz']);
    const [probe, ...more] = module.find('azx_probe');
    expect(more).toEqual([]);
    expect(module.symbols.name(probe ?? 0)).toBe('azx_probe');
    expect(module.find('printk')).toEqual([]);
  });

  it('and the image export what Module.symvers says', async () => {
    const [symvers, { exports }] = [await moduleSymvers(kernel), await loadImage(kernel)];
    const ofImage = [...symvers].filter(([, { owner }]) => owner === 'vmlinux');
    expect(ofImage.length).toBeGreaterThan(10_000);
    const wrong = ofImage.filter(([name, { crc, gpl }]) => {
      const exported = exports.get(name);
      return exported?.crc !== crc || exported.gpl !== gpl;
    });
    expect(wrong).toEqual([]);
    expect(exports.size).toBe(ofImage.length);
  });
});

describe('units', () => {
  it('are found in the image and in modules, and compile', async () => {
    const { units, missing } = await findUnits(kernel, [
      'fs/namei.c',
      'fs/ext4/super.c',
      'drivers/block/loop.c',
    ]);
    expect(missing).toEqual([]);
    expect(units.map(({ argv, ...unit }) => unit)).toEqual([
      {
        source: 'drivers/block/loop.c',
        object: 'drivers/block/loop.o',
        owner: 'loop',
        ko: 'drivers/block/loop.ko',
      },
      { source: 'fs/ext4/super.c', object: 'fs/ext4/super.o', owner: 'ext4', ko: 'fs/ext4/ext4.ko' },
      { source: 'fs/namei.c', object: 'fs/namei.o', owner: 'vmlinux' },
    ]);
    for (const { argv, owner } of units) {
      expect(argv[0]).toBe(kernel.compiler);
      expect(argv.includes('-DMODULE')).toBe(owner !== 'vmlinux');
      // A compiler check that was not made leaves its flag out without a word.
      expect(argv).toContain('-fpatchable-function-entry=16,16');
      expect(argv.filter((word) => /^-Wp,-M|^-[co]$/.test(word))).toEqual([]);
    }
    expect(await Promise.all(units.map(compile))).toEqual(['compiles', 'compiles', 'compiles']);
  });

  it('of makefiles elsewhere, of folders without one, and of two modules are found', async () => {
    const objects = async (source: string) =>
      (await findUnits(kernel, [source])).units.map(({ object, owner }) => `${object} ${owner}`);
    expect(await objects('fs/xfs/libxfs/xfs_alloc.c')).toEqual(['fs/xfs/libxfs/xfs_alloc.o xfs']);
    expect(await objects('virt/kvm/kvm_main.c')).toEqual(['arch/x86/kvm/../../../virt/kvm/kvm_main.o kvm']);
    expect(await objects('drivers/gpu/drm/i915/display/intel_bios.c')).toEqual([
      'drivers/gpu/drm/i915/display/intel_bios.o i915',
      'drivers/gpu/drm/xe/i915-display/intel_bios.o xe',
    ]);
    expect(await objects('drivers/media/rc/keymaps/rc-cec.c')).toEqual([
      'drivers/media/rc/keymaps/rc-cec.o rc_core',
    ]);
  });

  it('that include generated sources get them', async () => {
    const { units } = await findUnits(kernel, [
      'crypto/rsa_helper.c',
      'lib/crc32.c',
      'security/selinux/hooks.c',
    ]);
    expect(units).toHaveLength(3);
    expect(await Promise.all(units.map(compile))).toEqual(['compiles', 'compiles', 'compiles']);
  });

  it('stand for the sources that they include', async () => {
    const { units } = await findUnits(kernel, ['kernel/sched/rt.c']);
    expect(units.map(({ source }) => source)).toEqual(['kernel/sched/build_policy.c']);
  });

  it('are found for a header, and counted when they are too many', async () => {
    const { units, count, isTooMany } = await unitsIncluding(kernel, ['fs/ext4/ext4_jbd2.h']);
    expect([isTooMany, count]).toEqual([false, units.length]);
    expect(units.map(({ source }) => source)).toContain('fs/ext4/super.c');
    expect(new Set(units.map(({ owner }) => owner))).toEqual(new Set(['ext4']));
    expect(await unitsIncluding(kernel, ['fs/ext4/ext4_jbd2.h'], { most: 5 })).toMatchObject({
      units: [],
      isTooMany: true,
      count,
    });
    expect(await unitsIncluding(kernel, ['include/linux/fs.h'])).toMatchObject({
      units: [],
      isTooMany: true,
    });
  });

  it('that are not built are explained', async () => {
    const sources = [
      'drivers/soc/qcom/smem.c',
      'arch/arm/kernel/setup.c',
      'fs/nosuch.c',
      'arch/x86/entry/vdso/vgetrandom.c',
      'arch/x86/entry/entry_64.S',
    ];
    const { units, missing } = await findUnits(kernel, sources);
    expect(units).toEqual([]);
    expect(missing.map(({ source }) => source)).toEqual(sources);
    expect(missing[0]).toEqual({
      source: 'drivers/soc/qcom/smem.c',
      reason: 'CONFIG_QCOM_SMEM is off in this kernel',
      options: ['CONFIG_QCOM_SMEM'],
    });
    for (const [index, words] of [
      'CONFIG_QCOM',
      'architecture arm',
      'no such file',
      'vDSO',
      'assembly',
    ].entries()) {
      expect(missing[index]?.reason).toContain(words);
    }
  });

  it('of a module outside the tree have flags too', async () => {
    const argv = await moduleArgv(kernel, 'livepatch_x');
    const input = '#include <linux/module.h>\n#include <linux/livepatch.h>\nMODULE_LICENSE("GPL");\n';
    const { code, stderr } = await run(
      [...argv, '-DKBUILD_BASENAME="x"', '-fsyntax-only', '-xc', '-c', '-'],
      {
        cwd: kernel.buildDir,
        env: await compileEnvironment(kernel),
        input,
        check: false,
      },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(argv).toContain('-DKBUILD_MODNAME="livepatch_x"');
  });
});

it('a kernel is described', async () => {
  const { counts, compiler, missing, config } = await describeKernel(kernel);
  expect(counts).toEqual({
    symbols: 163_205,
    functions: 55_686,
    sharedNames: 317,
    exports: 26_765,
    modules: 4230,
  });
  expect(compiler.isSame).toBe(true);
  expect(missing).toEqual([]);
  expect(config.filter(({ isGood }) => !isGood)).toEqual([]);
});

describe('adding', () => {
  const before = process.env.XDG_CACHE_HOME;
  const root = mkdtempSync(
    join(dirname(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/root', '.cache')), '.klpkit-add-'),
  );
  beforeAll(() => {
    const packages = debsFolder();
    process.env.XDG_CACHE_HOME = root;
    mkdirSync(debsFolder(), { recursive: true });
    for (const name of readdirSync(packages)) linkSync(join(packages, name), join(debsFolder(), name));
  });
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(root, { recursive: true, force: true });
  });
  const leftovers = () =>
    ['kernels', 'sources'].flatMap((name) => {
      const folder = join(root, 'klpkit', name);
      return existsSync(folder) ? readdirSync(folder) : [];
    });

  it('leaves nothing when it is interrupted', async () => {
    const abort = new AbortController();
    const labels: string[] = [];
    const adding = addKernel(`debian:${release}`, {
      signal: abort.signal,
      onProgress: ({ label, done }) => {
        labels.push(label);
        if (label === 'unpack linux-source-6.12' && (done ?? 0) > 1e6) abort.abort(new Error('enough'));
      },
    });
    await expect(adding).rejects.toThrow('enough');
    expect(labels).toContain('unpack linux-source-6.12');
    expect(leftovers()).toEqual([]);
    expect(await listKernels()).toEqual([]);
  });

  it('a package that was damaged after it was fetched is named and removed', async () => {
    const name = readdirSync(debsFolder()).find((file) => file.startsWith('linux-kbuild-6.12.117')) ?? '';
    const path = join(debsFolder(), name);
    const bytes = readFileSync(path);
    bytes.fill(0, 50_000, 51_000);
    rmSync(path);
    writeFileSync(path, bytes);
    await expect(addKernel(`debian:${release}`)).rejects.toThrow(
      /linux-kbuild.*say SHA-256 \w{64}, the file has \w{64}/,
    );
    expect(existsSync(path)).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('twice at once makes one kernel, and once more makes none', async () => {
    const [one, two] = await Promise.all([addKernel(`debian:${release}`), addKernel('debian:6.12')]);
    expect(two.release).toBe(release);
    expect(one).toEqual(two);
    expect(leftovers().sort()).toEqual([basename(one.dir), basename(one.sourceDir)].sort());
    const progress: string[] = [];
    const again = await addKernel(`debian:${release}`, { onProgress: ({ label }) => progress.push(label) });
    expect([again, progress]).toEqual([one, []]);
    expect(await openKernel('6.12')).toEqual(one);
    // The folder was made under another name.
    expect(readFileSync(join(one.dir, 'environment.json'), 'utf8')).not.toContain('.tmp-');
  });

  it('a release that no list has is refused with those that there are', async () => {
    const error = await addKernel('debian:6.12.1+deb12-amd64').catch((thrown: unknown) => thrown);
    const message = 'there is no linux-image-6.12.1+deb12-amd64 in the package lists';
    // Who is not root is told to fetch the lists first.
    const way =
      process.getuid?.() === 0
        ? { next: expect.stringContaining(release) }
        : { remedy: 'sudo apt-get update' };
    expect(error).toMatchObject({ message, ...way });
  });

  it('a build tree gives the same units as the package that it equals', async () => {
    const tree = join(root, 'tree');
    for (const folder of ['arch/x86/boot', 'arch/x86/include', 'tools', 'scripts', 'drivers/block']) {
      mkdirSync(join(tree, folder), { recursive: true });
    }
    const link = (from: string, to: string) => symlinkSync(from, join(tree, to));
    link(kernel.sourceDir, 'source');
    link(kernel.vmlinuz, 'arch/x86/boot/bzImage');
    for (const path of ['.config', 'include', 'tools/objtool', 'arch/x86/include/generated']) {
      link(join(kernel.buildDir, path), path);
    }
    for (const name of readdirSync(join(kernel.buildDir, 'scripts'))) {
      link(join(kernel.buildDir, 'scripts', name), join('scripts', name));
    }
    link(kernel.moduleSymvers, 'Module.symvers');
    const { koPath } = await loadModule(kernel, 'loop');
    link(koPath, `drivers/block/${basename(koPath)}`);
    writeFileSync(join(tree, 'modules.order'), 'drivers/block/loop.o\n');
    await expect(addKernel({ buildTree: tree })).rejects.toThrow('lacks scripts/module.lds');
    link(kernel.moduleLds, 'scripts/module.lds');
    const built = await addKernel({ buildTree: tree });
    expect(built.id).toBe(`tree:${release}`);
    expect(await addKernel({ buildTree: tree })).toEqual(built);
    const sources = ['fs/namei.c', 'drivers/block/loop.c'];
    expect(await findUnits(built, sources)).toEqual(await findUnits(kernel, sources));
    expect((await loadImage(built)).symbols.count).toBe(163_205);
    expect((await loadModule(built, 'loop')).find('loop_init')).toHaveLength(1);
    expect((await describeKernel(built)).missing).toEqual([]);
    // Built anew: other times, so another kernel.
    rmSync(join(tree, 'Module.symvers'));
    copyFileSync(kernel.moduleSymvers, join(tree, 'Module.symvers'));
    expect((await addKernel({ buildTree: tree })).stamp).not.toBe(built.stamp);
  });
});
