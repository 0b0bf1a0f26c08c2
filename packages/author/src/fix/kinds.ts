import type { FileKind } from './types.ts';

/** Folders of the kernel tree that end up in no kernel. */
const notBuilt = /^(Documentation|LICENSES|samples|scripts|tools|usr|certs)\//;

/** What a file is to a livepatch, by its path. */
export function kindOf(path: string): FileKind {
  if (notBuilt.test(path)) return 'other';
  if (/\.(c|S|s)$/.test(path)) return 'source';
  if (/\.(h|inc|def)$/.test(path)) return 'header';
  if (/(^|\/)(Makefile|Kbuild|Kconfig)[^/]*$/.test(path)) return 'build';
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
  [/\/vdso\/[^/]*\.(c|S)$/, 'user space (the vDSO)'],
  [/^drivers\/firmware\/efi\/libstub\//, 'the EFI stub'],
];

/** Why a file cannot be livepatched whatever the change in it, or `undefined`. */
export function refusedPlace(path: string): RefusedPlace | undefined {
  if (/\.[sS]$/.test(path))
    return {
      id: 'KLP408',
      what: `${path} is assembly`,
      why: 'assembly code has no ftrace entry that a livepatch could take over',
      next: 'fix a C caller of it, or boot a fixed kernel',
    };
  const place = elsewhere.find(([pattern]) => pattern.test(path));
  return (
    place && {
      id: 'KLP408',
      what: `${path} runs in ${place[1]}`,
      why: 'that code is not part of the running kernel',
      next: 'boot a fixed kernel',
    }
  );
}
