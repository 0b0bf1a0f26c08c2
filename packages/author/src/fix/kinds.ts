import type { FileKind } from './types.ts';

/** Folders of the kernel tree that end up in no kernel, and what they hold. */
const notBuilt: readonly (readonly [RegExp, string])[] = [
  [/^Documentation\//, 'is documentation'],
  [/^LICENSES\//, 'is a licence'],
  [/^(tools|samples|usr)\//, 'is a program for user space, a sample or a test'],
  [/^(scripts|debian)\/|^arch\/x86\/tools\//, 'is a tool of the build'],
  [/^arch\/x86\/um\//, 'is for User Mode Linux'],
  [/^arch\/x86\/configs\//, 'is a default configuration'],
  [/(^|\/)(MAINTAINERS|CREDITS|COPYING|README[^/]*|\.[^/]+)$|\.(rst|txt|md|yaml|dtsi?)$/, 'makes no code'],
];

/** Files among them that sources of the kernel include. */
const builtAfterAll =
  /^tools\/lib\/bpf\/(relo_core|btf_iter|btf_relocate)\.[ch]$|^scripts\/dtc\/libfdt\/[^/]+\.[ch]$/;

/** Why a file makes no code of an x86 kernel, to stand behind its path; `undefined` if it does. */
export function notCompiled(path: string): string | undefined {
  const arch = /^arch\/([^/]+)\//.exec(path)?.[1];
  if (arch !== undefined && arch !== 'x86') return `is for the architecture ${arch}`;
  if (builtAfterAll.test(path)) return undefined;
  return notBuilt.find(([pattern]) => pattern.test(path))?.[1];
}

/** What a file is to a livepatch, by its path. */
export function kindOf(path: string): FileKind {
  if (notCompiled(path) !== undefined) return 'other';
  if (/\.(c|S|s)$/.test(path)) return 'source';
  if (/\.(h|inc|def)$/.test(path)) return 'header';
  if (/(^|\/)(Makefile|Kbuild|Kconfig)(\W[^/]*)?$|\.(mk|lds)$/.test(path)) return 'build';
  return 'other';
}

interface RefusedPlace {
  readonly id: string;
  readonly what: string;
  readonly why: string;
  readonly next: string;
}

/** Code that runs outside the kernel's text, where no ftrace entry is. */
const elsewhere: readonly (readonly [RegExp, string])[] = [
  [/^arch\/\w+\/boot\//, 'the boot loader stage'],
  [/^arch\/\w+\/realmode\//, 'real mode'],
  [/^arch\/\w+\/purgatory\//, 'the purgatory between two kernels'],
  [/(^|\/)vdso\/.*\.c$/, 'user space (the vDSO)'],
  [/^drivers\/firmware\/efi\/libstub\//, 'the EFI stub'],
];

/** Why a file cannot be livepatched whatever the change in it, or `undefined`. */
export function refusedPlace(path: string): RefusedPlace | undefined {
  if (/\.(S|s|lds)$/.test(path))
    return {
      id: 'KLP408',
      what: `${path} is ${path.endsWith('.lds') || path.endsWith('.lds.S') ? 'a linker script' : 'assembly'}`,
      why: 'assembly code has no ftrace entry that a livepatch could take over',
      next: 'fix a C caller of it, or boot a fixed kernel',
    };
  // A header there may be of use elsewhere too; the units that include it tell.
  const place = path.endsWith('.h') ? undefined : elsewhere.find(([pattern]) => pattern.test(path));
  return (
    place && {
      id: 'KLP408',
      what: `${path} runs in ${place[1]}`,
      why: 'that code is not part of the running kernel',
      next: 'boot a fixed kernel',
    }
  );
}

/** What the changed lines of a makefile do to the build. */
export interface RuleChanges {
  /** Objects and folders that are built anew or no more, sorted. */
  readonly objects: readonly string[];
  /** The options (`CONFIG_…`) that all of them hang on; empty if one is built in any case. */
  readonly options: readonly string[];
}

/** Reads the changed lines of a makefile as far as objects go; flags are not looked at. */
export function ruleChanges(lines: readonly { readonly kind: string; readonly text: string }[]): RuleChanges {
  const counts = new Map<string, number>();
  const options = new Set<string>();
  let isSure = false;
  let option = '';
  let isFlags = false;
  let isContinued = false;
  for (const { kind, text } of lines) {
    if (!isContinued) {
      isFlags =
        /^\s*(#|\w*(FLAGS|flags)|K\w+_SANITIZE|\w+_INSTRUMENT|OBJECT_FILES_NON_STANDARD|subdir-|targets\b|clean-files\b)/.test(
          text,
        );
      option = /^\s*[\w-]+\$\((CONFIG_\w+)\)\s*[:+]?=/.exec(text)?.[1] ?? '';
    }
    isContinued = text.trimEnd().endsWith('\\');
    if (kind === ' ' || isFlags) continue;
    for (const match of text.matchAll(/(?:^|[\s=])([\w./-]+(?:\.o|\/))(?=\s|\\|$)/g)) {
      const name = match[1] as string;
      counts.set(name, (counts.get(name) ?? 0) + (kind === '+' ? 1 : -1));
      if (option) options.add(option);
      else isSure = true;
    }
  }
  const objects = [...counts].filter(([, count]) => count !== 0).map(([name]) => name);
  return { objects: objects.sort(), options: isSure ? [] : [...options].sort() };
}
