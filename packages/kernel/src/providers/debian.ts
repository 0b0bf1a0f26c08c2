import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTool, UsageError } from '@klpkit/findings';
import {
  CommandFailed,
  cacheRoot,
  freeBytes,
  makeFolderAtomic,
  type PipeOptions,
  run,
  runPipe,
  withLock,
} from '@klpkit/host';
import {
  type BuildVariables,
  cleanEnvironment,
  copyBuildFolder,
  dumpEnvironment,
  makeHostTools,
  requireTools,
} from '../build-folder.ts';
import { parseConfig } from '../config.ts';
import { prepareImage } from '../image.ts';
import { debsFolder, findKernel, kernelFolder, kernelManifest, lockFile, sourcesFolder } from '../store.ts';
import type { Kernel, OnProgress } from '../types.ts';
import {
  aptNames,
  aptShow,
  checkDeb,
  type DebPackage,
  debPath,
  FetchFailed,
  fetchDeb,
  refreshLists,
} from './apt.ts';
import { compareDebianVersions, dependencyNamed } from './deb822.ts';
import { type DebianSpec, parseDebianSpec, releaseOfPackage } from './debian-spec.ts';

/** Options of adding a kernel. */
export interface AddOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The four packages that make one kernel, all of one Debian revision. */
interface DebianKernel {
  readonly release: string;
  readonly image: DebPackage;
  readonly headers: DebPackage;
  readonly kbuild: DebPackage;
  readonly source: DebPackage;
}

/**
 * Adds a Debian kernel to the cache: `debian:6.12.117+deb12-amd64` one release, `debian:6.12` the newest of a series that
 * the package lists have. Packages are fetched and unpacked, never installed. A kernel that is there is given back.
 */
export async function addDebianKernel(spec: string, options: AddOptions = {}): Promise<Kernel> {
  const wanted = parseDebianSpec(spec.replace(/^debian:/, ''));
  if (wanted.kind === 'release') {
    const present = await findKernel(`debian:${wanted.release}`);
    if (present) return present;
  }
  await requireTools(['make', 'ld', 'xz', 'tar', 'dpkg-deb', 'flock']);
  const attempt = async () => addResolved(await resolvePackages(wanted, options), options);
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof FetchFailed && error.isStale)) throw error;
    await refreshLists('the package lists are older than the mirror', options.onProgress, options.signal);
    return await attempt();
  }
}

async function addResolved(packages: DebianKernel, options: AddOptions): Promise<Kernel> {
  const id = `debian:${packages.release}`;
  const present = await findKernel(id);
  if (present) return present;
  const onWait = () => options.onProgress?.({ label: `wait for another klpkit that adds ${id}` });
  return withLock(
    lockFile(id),
    async () => (await findKernel(id)) ?? (await makeKernel(id, packages, options)),
    { signal: options.signal, onWait },
  );
}

/** Finds the packages in the lists; as root, with empty or old lists, after fetching them anew. */
async function resolvePackages(wanted: DebianSpec, options: AddOptions): Promise<DebianKernel> {
  const found = await findPackages(wanted, options.signal);
  if (typeof found !== 'string') return found;
  await refreshLists(`${found} in the package lists`, options.onProgress, options.signal);
  const again = await findPackages(wanted, options.signal);
  if (typeof again !== 'string') return again;
  const releases = await knownReleases(wanted, options.signal);
  throw new UsageError(
    `${again} in the package lists`,
    releases.length > 0
      ? `the lists have ${releases.join(', ')}`
      : `add a package source that has Linux ${wanted.series} (for bookworm's 6.12 the security archive) to /etc/apt/sources.list`,
  );
}

async function knownReleases(wanted: DebianSpec, signal?: AbortSignal): Promise<string[]> {
  const images = await imagesOfSeries(wanted, signal);
  return [...new Set(images.map(({ release }) => release))];
}

/** Image packages of a series and flavour, newest first. */
async function imagesOfSeries(wanted: DebianSpec, signal?: AbortSignal) {
  const names = await aptNames(`linux-image-${wanted.series}`, signal);
  const fitting = names.filter((name) => releaseOfPackage(name, wanted.series, wanted.flavour) !== undefined);
  const images = (await aptShow(fitting, signal)).map((image) => ({
    image,
    release: releaseOfPackage(image.name, wanted.series, wanted.flavour) ?? '',
  }));
  const isUnsigned = (name: string) => (name.endsWith('-unsigned') ? 1 : 0);
  return images.sort(
    (a, b) =>
      compareDebianVersions(b.image.version, a.image.version) ||
      isUnsigned(a.image.name) - isUnsigned(b.image.name),
  );
}

/** The newest complete set that fits, or what is missing, as the begin of a sentence. */
async function findPackages(wanted: DebianSpec, signal?: AbortSignal): Promise<DebianKernel | string> {
  const images =
    wanted.kind === 'series'
      ? await imagesOfSeries(wanted, signal)
      : (
          await aptShow([`linux-image-${wanted.release}`, `linux-image-${wanted.release}-unsigned`], signal)
        ).map((image) => ({ image, release: wanted.release }));
  const what =
    wanted.kind === 'series'
      ? `Linux ${wanted.series} for ${wanted.flavour}`
      : `linux-image-${wanted.release}`;
  if (images.length === 0) return `there is no ${what}`;
  const sources = await aptShow([`linux-source-${wanted.series}`], signal);
  let missing = '';
  for (const { image, release } of images) {
    // A signed image is built from the unsigned one of the version in Built-Using.
    const version = /\(= ([^)]+)\)/.exec(image.record.get('Built-Using') ?? '')?.[1] ?? image.version;
    const source = sources.find((candidate) => candidate.version === version);
    const headers = (await aptShow([`linux-headers-${release}`], signal)).find(
      (candidate) => candidate.version === version,
    );
    const kbuildName = dependencyNamed(headers?.record.get('Depends'), /^linux-kbuild-/);
    const kbuild = (await aptShow(kbuildName ? [kbuildName] : [], signal)).find(
      (candidate) => candidate.version === version,
    );
    if (source && headers && kbuild) return { release, image, headers, kbuild, source };
    const lacking = [
      source ? '' : `linux-source-${wanted.series}`,
      headers ? '' : `linux-headers-${release}`,
      kbuild ? '' : (kbuildName ?? `linux-kbuild-${wanted.series}`),
    ].filter(Boolean);
    missing ||= `${image.name} is there, but not ${lacking.join(', ')} of the same version ${version}`;
  }
  return missing;
}

/** Bytes that an xz-compressed kernel source grows to, as a factor; measured: 152 MB become 1,360 MB. */
const sourceGrowth = 10;
/** Room for what is derived later: the decompressed image, symbol tables, compiled units. */
const derivedBytes = 300e6;

async function checkSpace(packages: DebianKernel): Promise<void> {
  const { image, headers, kbuild, source } = packages;
  let needed = derivedBytes + image.installedBytes + headers.installedBytes + 2 * kbuild.installedBytes;
  if (!existsSync(sourcePath(source))) needed += source.size * sourceGrowth;
  for (const deb of [image, headers, kbuild, source]) {
    if (!existsSync(debPath(debsFolder(), deb))) needed += deb.size;
  }
  const free = await freeBytes(cacheRoot());
  if (free >= needed) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  throw new MissingTool(
    `debian:${packages.release} needs ${gigabytes(needed)} GB in ${cacheRoot()}, where ${gigabytes(free)} GB are free`,
    'XDG_CACHE_HOME=/a/larger/disk klpkit kernel add …  (or klpkit kernel remove one that is not needed)',
  );
}

const sourcePath = (source: DebPackage) => join(sourcesFolder(), `${source.name}_${source.version}`);

async function makeKernel(id: string, packages: DebianKernel, options: AddOptions): Promise<Kernel> {
  const { onProgress, signal } = options;
  await checkSpace(packages);
  const { release, image, headers, kbuild, source } = packages;
  const fetch = (deb: DebPackage) => fetchDeb(deb, debsFolder(), onProgress, signal);
  const dir = kernelFolder(id);
  // An old layout or a kernel without its source is made anew.
  if (existsSync(dir)) await rm(dir, { recursive: true, force: true });
  // Both sides of a failure have to end before the temporary folder goes.
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const inner: AddOptions = { onProgress, signal: either };
  await makeFolderAtomic(dir, async (tmp) => {
    const root = join(tmp, 'root');
    const unpack = async (deb: DebPackage, ...members: string[]) => {
      await unpackDeb(await fetch(deb), root, members, deb, inner);
    };
    await run(['mkdir', '-p', root]);
    // The small ones first: they tell which compiler is needed before the long downloads begin.
    await unpack(headers, './usr/src', './usr/lib');
    await unpack(kbuild, './usr/lib');
    const headersDir = join(root, 'usr/src', `linux-headers-${release}`);
    const kbuildDir = join(root, 'usr/lib', kbuild.name);
    const variables = await readBuildVariables(headersDir, release);
    await requireTools(['make', variables.compiler]);
    const out = join(tmp, 'build');
    const sourceDir = sourcePath(source);
    const readImage = async () => {
      await unpack(image, './boot', './lib', './usr/lib');
      const { banner } = await prepareImage(
        await debianKernel(id, tmp, packages, headersDir, variables, sourceDir),
      );
      if (!banner.includes(`Linux version ${release} `)) {
        throw new UsageError(
          `the image of ${image.name} ${image.version} says of itself ${JSON.stringify(banner)}`,
        );
      }
    };
    // The source takes longest; what does not need it is done meanwhile.
    const settled = await Promise.allSettled(
      [
        copyBuildFolder(headersDir, kbuildDir, out),
        readImage(),
        unpackSource(source, await fetchLater(fetch, source), inner),
      ].map((work) =>
        work.catch((error: unknown) => {
          stop.abort(error);
          throw error;
        }),
      ),
    );
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw stop.signal.reason ?? failed.reason;
    onProgress?.({ label: 'make the build folder' });
    const environment = await dumpEnvironment(out, sourceDir, variables);
    await makeHostTools(out, sourceDir, environment);
    for (const name of Object.keys(environment)) {
      environment[name] = (environment[name] ?? '').replaceAll(tmp, dir);
    }
    await writeFile(join(tmp, 'environment.json'), `${JSON.stringify(environment, null, 2)}\n`);
    const kernel = await debianKernel(id, tmp, packages, headersDir, variables, sourceDir);
    await writeFile(join(tmp, 'kernel.json'), kernelManifest(kernel, dir));
  });
  const kernel = await findKernel(id);
  if (!kernel) throw new Error(`${dir} was made but cannot be read back`);
  return kernel;
}

/** Starts a download at once and hands its promise on inside a function, so that awaiting it is the other side's choice. */
async function fetchLater(
  fetch: (deb: DebPackage) => Promise<string>,
  deb: DebPackage,
): Promise<() => Promise<string>> {
  const path = fetch(deb);
  path.catch(() => {});
  return () => path;
}

async function debianKernel(
  id: string,
  dir: string,
  packages: DebianKernel,
  headersDir: string,
  variables: BuildVariables,
  sourceDir: string,
): Promise<Kernel> {
  const { release, source } = packages;
  const root = join(dir, 'root');
  const out = join(dir, 'build');
  const config = parseConfig(await readFile(join(headersDir, '.config'), 'utf8'));
  const firstOf = (...paths: string[]) => paths.find((path) => existsSync(path)) ?? (paths[0] as string);
  const moduleCommon = join(sourceDir, 'scripts/module-common.c');
  return {
    id,
    release,
    arch: 'x86',
    dir,
    vmlinuz: join(root, 'boot', `vmlinuz-${release}`),
    vmlinux: join(dir, 'vmlinux'),
    modulesDir: firstOf(join(root, 'lib/modules', release), join(root, 'usr/lib/modules', release)),
    buildDir: out,
    sourceDir,
    headersDir,
    compiler: variables.compiler,
    compilerVersion: config.get('CONFIG_CC_VERSION_TEXT') ?? '',
    moduleSymvers: join(headersDir, 'Module.symvers'),
    moduleLds: firstOf(join(headersDir, 'arch/x86/module.lds'), join(headersDir, 'scripts/module.lds')),
    objtool: join(out, 'tools/objtool/objtool'),
    modpost: firstOf(join(out, 'scripts/mod/modpost.real-lsb-64'), join(out, 'scripts/mod/modpost')),
    ...(existsSync(moduleCommon) ? { moduleCommon } : {}),
    sourceVersion: source.version,
  };
}

/**
 * Compiler and prefix out of a header package's `.kernelvariables`. It is a makefile with conditionals
 * (`CC = $(if …) $(CROSS_COMPILE)gcc-12`), so make reads it.
 */
async function readBuildVariables(headersDir: string, release: string): Promise<BuildVariables> {
  const file = join(headersDir, '.kernelvariables');
  // ARCH is what a caller's makefile sets; from 6.2 on the file sets it itself.
  const makefile = `ARCH = x86\ninclude ${file}\n$(info CC $(CC))$(info CROSS $(CROSS_COMPILE))\nall: ;\n`;
  const argv = ['make', '-rRs', '-f', '-', 'all'];
  const { stdout } = await run(argv, { input: makefile, env: cleanEnvironment, timeoutMs: 20_000 });
  const value = (name: string) => new RegExp(`^${name} +(.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
  const compiler = value('CC').split(/\s+/).at(-1) ?? '';
  if (!/^[\w./+-]+$/.test(compiler)) {
    throw new UsageError(`${file} names no compiler: CC is ${JSON.stringify(value('CC'))}`);
  }
  return { release, compiler, crossCompile: value('CROSS') };
}

/** Unpacks the named folders of a .deb; a folder that the package does not have is passed over. */
async function unpackDeb(
  path: string,
  into: string,
  members: readonly string[],
  deb: DebPackage,
  { onProgress, signal }: AddOptions,
): Promise<void> {
  const label = `unpack ${deb.name}`;
  const total = deb.installedBytes;
  const onBytes = (done: number) =>
    onProgress?.({ label, done: Math.min(done, total), total, unit: 'bytes' });
  const tar = ['tar', '-x', '-C', into, '--no-same-owner', '--anchored', '--wildcards'];
  // A list of patterns to leave out rather than of members to take: tar fails for a member that is not there.
  const tops = [
    'boot',
    'etc',
    'lib',
    'opt',
    'sbin',
    'bin',
    'var',
    'usr/src',
    'usr/lib',
    'usr/share',
    'usr/bin',
  ];
  for (const top of tops) if (!members.includes(`./${top}`)) tar.push(`--exclude=./${top}`);
  await unpacking(path, deb, [['dpkg-deb', '--fsys-tarfile', path], tar], {
    signal,
    onBytes: throttle(onBytes),
  });
}

/** Unpacks; if that fails because the .deb was damaged since it was fetched, removes it and says so. */
async function unpacking(
  path: string,
  deb: DebPackage,
  argvs: readonly (readonly string[])[],
  options: PipeOptions,
): Promise<void> {
  try {
    await runPipe(argvs, options);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    await checkDeb(path, deb).catch(async (damage: unknown) => {
      await rm(path, { force: true });
      throw damage;
    });
    throw error;
  }
}

/** Folders of the source that no unit for this architecture reads. */
const leftOut = [
  '*/Documentation',
  '*/tools/perf',
  '*/tools/testing/[!s]*',
  '*/tools/testing/selftests/[!l]*',
  '*/arch/[!xKu]*',
  '*/arch/xtensa',
];

/** Unpacks the source into its place in the cache, straight through: the tar.xz inside the package never lies on disk. */
async function unpackSource(
  deb: DebPackage,
  fetched: () => Promise<string>,
  { onProgress, signal }: AddOptions,
): Promise<void> {
  const path = await fetched();
  const place = sourcePath(deb);
  const label = `unpack ${deb.name}`;
  const onBytes = (done: number) =>
    onProgress?.({ label, done: Math.min(done, deb.size), total: deb.size, unit: 'bytes' });
  await withLock(
    lockFile(`${deb.name}_${deb.version}`),
    () =>
      makeFolderAtomic(place, async (tmp) => {
        const archive = `./usr/src/${deb.name}.tar.xz`;
        const unpack = ['tar', '-x', '-C', tmp, '-f', '-', '--strip-components=1', '--no-same-owner'];
        // tar starts xz itself: 1.4 GB need not pass through this process.
        unpack.push('-I', 'xz -T2', '--anchored', '--wildcards');
        unpack.push(...leftOut.map((pattern) => `--exclude=${pattern}`));
        const argvs = [['dpkg-deb', '--fsys-tarfile', path], ['tar', '-xO', archive], unpack];
        await unpacking(path, deb, argvs, { signal, onBytes: throttle(onBytes) });
        if (!(await readdir(tmp)).includes('Makefile')) {
          throw new UsageError(`${path} holds no kernel source at ${archive}`);
        }
        const { mode } = await stat(tmp);
        await chmod(tmp, mode | 0o755);
      }),
    { signal },
  );
}

/** Calls through at most ten times a second. */
function throttle(call: (value: number) => void): (value: number) => void {
  let last = 0;
  return (value) => {
    const now = performance.now();
    if (now - last < 100) return;
    last = now;
    call(value);
  };
}
