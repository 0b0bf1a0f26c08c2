import { existsSync } from 'node:fs';
import {
  aptInstall,
  CommandNotFound,
  cacheRoot,
  debianPackageOf,
  freeBytes,
  mapParallel,
  run,
} from '@klpkit/host';
import { listKernels } from './store.ts';

/** A program, whether it is here, and for which commands. */
export interface ToolFact {
  readonly command: string;
  /** Debian package that has it. */
  readonly package: string;
  /** First line that it says of its version; absent if it is not on this machine. */
  readonly version?: string;
  readonly neededFor: readonly string[];
}

/** A file of the system, whether it is here, and for which commands. */
export interface FileFact {
  readonly what: string;
  /** Debian package that has it. */
  readonly package: string;
  /** Where it is; absent if it is not on this machine. */
  readonly path?: string;
  readonly neededFor: readonly string[];
}

/** What `klpkit doctor` tells about the machine. */
export interface DoctorReport {
  readonly tools: readonly ToolFact[];
  /** Files that are needed and are no programs to start here. */
  readonly files: readonly FileFact[];
  readonly cache: { readonly folder: string; readonly freeBytes: number; readonly words: string };
  readonly kernels: readonly string[];
  /** The one command that installs all that is missing; absent if nothing is. */
  readonly remedy?: string;
}

const add = 'kernel add';
const build = 'build';
const prove = 'prove';
const sign = 'sign';

const tools: readonly { command: string; neededFor: readonly string[] }[] = [
  { command: 'apt-get', neededFor: [add] },
  { command: 'dpkg-deb', neededFor: [add] },
  { command: 'tar', neededFor: [add] },
  { command: 'xz', neededFor: [add] },
  { command: 'flock', neededFor: [add, build] },
  { command: 'make', neededFor: [add, build] },
  { command: 'gcc-12', neededFor: [add, build, prove] },
  { command: 'ld', neededFor: [build] },
  { command: 'as', neededFor: [build] },
  { command: 'qemu-system-x86_64', neededFor: [prove] },
  { command: 'openssl', neededFor: [sign] },
];

const files: readonly (Omit<FileFact, 'path'> & { readonly paths: readonly string[] })[] = [
  {
    what: 'C headers',
    package: 'libc6-dev',
    paths: ['/usr/include/stdio.h'],
    // For Kbuild's small programs, which are built for this machine.
    neededFor: [add, build],
  },
  {
    what: 'static libc',
    package: 'libc6-dev',
    paths: ['/usr/lib/x86_64-linux-gnu/libc.a', '/usr/lib64/libc.a', '/usr/lib/libc.a'],
    neededFor: [prove],
  },
  {
    what: 'libelf',
    package: 'libelf1',
    // For objtool of the kernel's packages.
    paths: ['/usr/lib/x86_64-linux-gnu/libelf.so.1', '/usr/lib64/libelf.so.1', '/usr/lib/libelf.so.1'],
    neededFor: [build],
  },
  {
    what: 'libcrypto',
    package: 'libssl3',
    // For sign-file of the kernel's packages.
    paths: [
      '/usr/lib/x86_64-linux-gnu/libcrypto.so.3',
      '/usr/lib64/libcrypto.so.3',
      '/usr/lib/libcrypto.so.3',
    ],
    neededFor: [sign],
  },
  {
    what: 'busybox',
    package: 'busybox-static',
    paths: ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox'],
    neededFor: [prove],
  },
];

/** Bytes that one kernel takes in the cache, packages included; measured 2.0 GB for 6.12. */
const kernelBytes = 2.5e9;

/** Looks at the machine; starts each program once to ask its version. */
export async function doctor(): Promise<DoctorReport> {
  const found = await mapParallel(tools, 2, async ({ command, neededFor }): Promise<ToolFact> => {
    const version = await versionOf(command);
    return {
      command,
      package: debianPackageOf(command),
      ...(version === undefined ? {} : { version }),
      neededFor,
    };
  });
  const foundFiles = files.map(({ paths, ...fact }): FileFact => {
    const path = paths.find((one) => existsSync(one));
    return { ...fact, ...(path === undefined ? {} : { path }) };
  });
  const missing = found.filter(({ version }) => version === undefined).map((tool) => tool.package);
  for (const file of foundFiles) if (file.path === undefined) missing.push(file.package);
  const folder = cacheRoot();
  const free = await freeBytes(folder);
  const room = Math.floor(free / kernelBytes);
  return {
    tools: found,
    files: foundFiles,
    cache: {
      folder,
      freeBytes: free,
      words: room > 0 ? `room for ${room} more kernels` : 'no room for another kernel (2.5 GB)',
    },
    kernels: (await listKernels()).map(({ id }) => id),
    ...(missing.length > 0 ? { remedy: aptInstall(missing) } : {}),
  };
}

async function versionOf(command: string): Promise<string | undefined> {
  try {
    const { stdout } = await run([command, command === 'openssl' ? 'version' : '--version'], {
      check: false,
      timeoutMs: 20_000,
    });
    return stdout.split('\n')[0]?.trim() ?? '';
  } catch (error) {
    if (error instanceof CommandNotFound) return undefined;
    throw error;
  }
}
