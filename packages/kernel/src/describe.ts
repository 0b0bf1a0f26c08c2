import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installedCompiler, sameCompiler } from './compiler.ts';
import { type KernelConfig, parseConfig } from './config.ts';
import { loadImage } from './image.ts';
import { listModules, moduleSymvers } from './modules.ts';
import type { Kernel } from './types.ts';

/** A configuration option and what it means for livepatches of this kernel. */
export interface ConfigFact {
  readonly option: string;
  /** `y`, `m`, a number or text; `n` if it is off. */
  readonly value: string;
  readonly meaning: string;
  /** Whether livepatching works as klpkit does it with this value. */
  readonly isGood: boolean;
}

/** Something that is not there, and what cannot be done without. */
export interface Lack {
  readonly what: string;
  readonly neededFor: readonly string[];
}

/** What `klpkit kernel show` tells. */
export interface KernelDescription {
  readonly id: string;
  readonly release: string;
  readonly sourceVersion?: string;
  readonly banner: string;
  readonly compiler: {
    readonly command: string;
    /** That built the kernel. */
    readonly built: string;
    /** On this machine, if there. */
    readonly installed?: string;
    readonly isSame: boolean;
  };
  readonly config: readonly ConfigFact[];
  readonly counts: {
    readonly symbols: number;
    /** Text symbols without the padding symbols that objtool makes. */
    readonly functions: number;
    /** Of these, names that several functions share, which sympos tells apart. */
    readonly sharedNames: number;
    readonly exports: number;
    readonly modules: number;
  };
  readonly missing: readonly Lack[];
}

/** The options that matter: how it reads when on and when off, and which is wanted (undefined: either). */
const facts: readonly { option: string; on: string; off: string; wanted?: boolean }[] = [
  {
    option: 'CONFIG_LIVEPATCH',
    on: 'livepatches can be loaded',
    off: 'livepatches cannot be loaded at all',
    wanted: true,
  },
  {
    option: 'CONFIG_HAVE_RELIABLE_STACKTRACE',
    on: 'the transition can check stacks',
    off: 'the transition cannot check the stacks of kernel threads',
    wanted: true,
  },
  {
    option: 'CONFIG_DYNAMIC_FTRACE_WITH_ARGS',
    on: 'functions are redirected through ftrace with their arguments only',
    off: 'functions are redirected through ftrace with all registers, or not at all',
  },
  {
    option: 'CONFIG_KALLSYMS_ALL',
    on: 'data symbols are in kallsyms, so livepatches can refer to unexported data',
    off: 'only functions are in kallsyms: unexported data cannot be referred to',
    wanted: true,
  },
  {
    option: 'CONFIG_X86_KERNEL_IBT',
    on: 'indirect calls land on endbr64 only; objtool runs on the finished module',
    off: 'no landing marks; objtool runs on each object',
  },
  {
    option: 'CONFIG_UNWINDER_ORC',
    on: 'stacks are read by ORC tables',
    off: 'stacks are read by frame pointers',
  },
  {
    option: 'CONFIG_CALL_PADDING',
    on: 'space before each function, counted among the symbols as __pfx_*',
    off: 'no space before functions',
  },
  {
    option: 'CONFIG_MITIGATION_CALL_DEPTH_TRACKING',
    on: 'calls may be counted on processors that need it',
    off: 'calls are not counted',
  },
  {
    option: 'CONFIG_DEBUG_INFO_BTF',
    on: 'sizes and offsets of structures are known from the image',
    off: 'sizes and offsets of structures must come from headers',
  },
  {
    option: 'CONFIG_MODVERSIONS',
    on: 'a livepatch carries the checksum of every export that it uses',
    off: 'exports are used without a checksum',
  },
  {
    option: 'CONFIG_MODULE_SIG_FORCE',
    on: 'only signed modules load: livepatches must be signed with a key that the kernel trusts',
    off: 'unsigned modules load, with a taint, unless lockdown forbids it',
    wanted: false,
  },
  {
    option: 'CONFIG_TRIM_UNUSED_KSYMS',
    on: 'exports that nothing used were removed',
    off: 'all exports are there',
  },
  {
    option: 'CONFIG_LTO_CLANG',
    on: 'functions are made from more than their own unit, which klpkit cannot reproduce',
    off: 'each function is made from its own unit',
    wanted: false,
  },
  {
    option: 'CONFIG_RANDSTRUCT',
    on: 'structures are laid out by a secret seed',
    off: 'structures are laid out as written',
    wanted: false,
  },
  { option: 'CONFIG_PREEMPT_RT', on: 'a real-time kernel', off: 'no real-time kernel' },
];

/** The facts of a configuration that decide how livepatches of the kernel are made and whether they can be. */
export function configFacts(config: KernelConfig): ConfigFact[] {
  return facts.map(({ option, on, off, wanted }) => {
    const isOn = config.has(option);
    return {
      option,
      value: config.get(option) ?? 'n',
      meaning: isOn ? on : off,
      isGood: wanted === undefined || wanted === isOn,
    };
  });
}

/** Reads everything that is worth knowing about a kernel before patching it. */
export async function describeKernel(kernel: Kernel): Promise<KernelDescription> {
  const [image, modules, symvers, configText, installed] = await Promise.all([
    loadImage(kernel),
    listModules(kernel),
    moduleSymvers(kernel),
    readFile(join(kernel.buildDir, '.config'), 'utf8'),
    installedCompiler(kernel),
  ]);
  const { symbols } = image;
  const counts = new Map<string, number>();
  for (let i = 0; i < symbols.count; i++) {
    if (!'tTwW'.includes(String.fromCharCode(symbols.type[i] ?? 0))) continue;
    const name = symbols.name(i);
    if (!name.startsWith('__pfx_')) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const shared = [...counts.values()].filter((count) => count > 1);
  return {
    id: kernel.id,
    release: kernel.release,
    ...(kernel.sourceVersion === undefined ? {} : { sourceVersion: kernel.sourceVersion }),
    banner: image.banner,
    compiler: {
      command: kernel.compiler,
      built: kernel.compilerVersion,
      ...(installed === undefined ? {} : { installed }),
      isSame: installed !== undefined && sameCompiler(installed, kernel.compilerVersion),
    },
    config: configFacts(parseConfig(configText)),
    counts: {
      symbols: symbols.count,
      functions: [...counts.values()].reduce((sum, count) => sum + count, 0),
      sharedNames: shared.length,
      exports: symvers.size,
      modules: modules.length,
    },
    missing: lacks(kernel, modules.length),
  };
}

function lacks(kernel: Kernel, modules: number): Lack[] {
  const missing: Lack[] = [];
  const need = (path: string, what: string, ...neededFor: string[]) => {
    if (!existsSync(path)) missing.push({ what: `${what} (${path})`, neededFor });
  };
  need(kernel.vmlinuz, 'the kernel image', 'klpkit build', 'klpkit prove');
  need(kernel.sourceDir, 'the source', 'klpkit build');
  need(kernel.buildDir, 'the build folder', 'klpkit build');
  need(kernel.moduleSymvers, 'Module.symvers', 'klpkit build');
  need(kernel.moduleLds, 'the linker script of modules', 'klpkit build');
  need(kernel.objtool, 'objtool', 'klpkit build');
  need(kernel.modpost, 'modpost', 'klpkit build');
  if (modules === 0)
    missing.push({ what: 'modules', neededFor: ['klpkit build for modules', 'klpkit prove for modules'] });
  return missing;
}
