import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTool } from '@klpkit/findings';
import { aptInstall, CommandNotFound, debianPackageOf, run } from '@klpkit/host';

/** The variables of `.kernelvariables` and the like that a kernel is built with. */
export interface BuildVariables {
  /** `uname -r`. */
  readonly release: string;
  /** Compiler as a word: `x86_64-linux-gnu-gcc-12`. */
  readonly compiler: string;
  /** `x86_64-linux-gnu-`, or empty. */
  readonly crossCompile: string;
}

/** What gcc, make and Kbuild's programs are started with: nothing of the caller's environment reaches a build. */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
};

const makeFlags = ['-rR', '--no-print-directory'] as const;

/** Variables of make itself and of the shell, which would steer the makes that are started later. */
const notKept = new Set(['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'PWD', 'OLDPWD', 'SHLVL', '_']);

/** The compiler's name without folders and without the version: `x86_64-linux-gnu-gcc-12` gives the host's `gcc-12`. */
function hostCompiler(compiler: string): string {
  return compiler.replace(/^x86_64-linux-gnu-/, '');
}

/**
 * Checks, before any work, for the programs that reading and building need, and throws {@link MissingTool} with one
 * command for all that are missing.
 */
export async function requireTools(commands: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const command of commands) {
    try {
      await run([command, '--version'], { check: false, timeoutMs: 20_000 });
    } catch (error) {
      if (!(error instanceof CommandNotFound)) throw error;
      missing.push(command);
    }
  }
  const packages = missing.map(debianPackageOf);
  // Kbuild's small programs are built for the host; their one need beyond the compiler is the C library's headers.
  if (commands.includes('make') && !existsSync('/usr/include/stdio.h')) {
    missing.push('the C library headers');
    packages.push('libc6-dev');
  }
  if (missing.length > 0) {
    throw new MissingTool(`this machine lacks ${missing.join(', ')}`, aptInstall(packages));
  }
}

/**
 * Copies what the header packages generated into a build folder (`OUT`): headers, configuration, scripts, objtool.
 * `headersDir` and `kbuildDir` are the unpacked `linux-headers-*` and `linux-kbuild-*`.
 */
export async function copyBuildFolder(headersDir: string, kbuildDir: string, out: string): Promise<void> {
  await mkdir(join(out, 'arch/x86/include'), { recursive: true });
  await mkdir(join(out, 'tools/objtool'), { recursive: true });
  // cp, because thousands of small files take it a tenth of the time that they take Node.
  const copy = (from: string, to: string, ...flags: string[]) =>
    run(['cp', '-a', ...flags, from, join(out, to)], { timeoutMs: 120_000 });
  await copy(join(headersDir, 'include'), '.');
  await copy(join(headersDir, '.config'), '.');
  await copy(join(headersDir, 'Module.symvers'), '.');
  await copy(join(headersDir, 'arch/x86/include/generated'), 'arch/x86/include');
  await copy(join(kbuildDir, 'scripts'), '.', '-L');
  // Newer packages have a wrapper that chooses among architectures.
  const objtools = ['objtool.real-x86', 'objtool'].map((name) => join(kbuildDir, 'tools/objtool', name));
  const objtool = objtools.find((path) => existsSync(path));
  if (objtool) await copy(objtool, 'tools/objtool/objtool');
  for (const lds of ['arch/x86/module.lds', 'scripts/module.lds']) {
    if (existsSync(join(headersDir, lds))) await copy(join(headersDir, lds), lds);
  }
}

/** Command line variables of every make that is started in the build folder. */
function makeVariables(variables: BuildVariables): string[] {
  return [
    'ARCH=x86',
    `CROSS_COMPILE=${variables.crossCompile}`,
    `CC=${variables.compiler}`,
    `HOSTCC=${hostCompiler(variables.compiler)}`,
    `KERNELRELEASE=${variables.release}`,
  ];
}

/**
 * The environment that the kernel's top makefile hands to Kbuild, flags and all, for single units in `out`.
 *
 * The makefile is included and told to print what it exports. `may-sync-config=` keeps it from making the configuration
 * anew, and switches the compiler checks off with it, so `need-compiler=1` switches them on again: without, every
 * `cc-option` flag would be missing and only the bytes would tell.
 */
export async function dumpEnvironment(
  out: string,
  sourceDir: string,
  variables: BuildVariables,
): Promise<Record<string, string>> {
  const makefile = join(out, '.klp-dump.mk');
  const dump = join(out, '.klp-env');
  await writeFile(makefile, 'include $(KSRC)/Makefile\nklp-dump: ; @env -0 > $(KLP_OUT)\n');
  const argv = ['make', ...makeFlags, '-f', makefile, `KSRC=${sourceDir}`, `KLP_OUT=${dump}`];
  argv.push(
    'may-sync-config=',
    'need-compiler=1',
    'KBUILD_MODULES=1',
    ...makeVariables(variables),
    'klp-dump',
  );
  await run(argv, { cwd: out, env: cleanEnvironment, timeoutMs: 120_000 });
  const environment: Record<string, string> = {};
  for (const entry of (await readFile(dump, 'utf8')).split('\0')) {
    const equals = entry.indexOf('=');
    if (equals > 0 && !notKept.has(entry.slice(0, equals))) {
      environment[entry.slice(0, equals)] = entry.slice(equals + 1);
    }
  }
  return environment;
}

/** Arguments of make for one folder of the tree: the same makefile that a whole build runs there. */
export function kbuildArgv(sourceDir: string, folder: string, ...rest: readonly string[]): string[] {
  const makefile = join(sourceDir, 'scripts/Makefile.build');
  return [
    'make',
    ...makeFlags,
    '-f',
    makefile,
    `obj=${folder}`,
    'need-builtin=1',
    'need-modorder=1',
    ...rest,
  ];
}

/** Host programs that the kbuild packages leave out but some units are generated with; old kernels lack some. */
const hostTools = [
  { folder: 'scripts', target: 'scripts/asn1_compiler' },
  { folder: 'scripts/selinux/genheaders', target: 'scripts/selinux/genheaders/genheaders' },
  { folder: 'scripts/ipe/polgen', target: 'scripts/ipe/polgen/polgen' },
] as const;

/** Builds the host programs that the build folder lacks. */
export async function makeHostTools(
  out: string,
  sourceDir: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  for (const { folder, target } of hostTools) {
    if (existsSync(join(out, target)) || !existsSync(join(sourceDir, `${target}.c`))) continue;
    const argv = kbuildArgv(sourceDir, folder, target);
    await run(argv, { cwd: out, env: environment, timeoutMs: 120_000 });
  }
}
