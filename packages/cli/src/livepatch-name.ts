import { basename } from 'node:path';
import { UsageError } from '@klpkit/findings';

/** Longest name of a module in the kernel: MODULE_NAME_LEN (64 - 8) without the NUL. */
const longest = 55;
const prefix = 'livepatch_';

/** The two names of a livepatch: `livepatch_namei` for the kernel, `livepatch-namei` for its files. */
export interface LivepatchNames {
  readonly module: string;
  readonly file: string;
}

/**
 * The names that `--name` or the first patch's file name give: `0001-proc-Fix_it.patch` gives `livepatch_proc_fix_it`.
 *
 * @throws {UsageError} for a name that no module can have
 */
export function livepatchNames(given: string | undefined, firstPatch: string): LivepatchNames {
  let core: string;
  if (given === undefined) {
    core = basename(firstPatch)
      .replace(/\.(patch|diff|mbox|eml)$/i, '')
      .replace(/^\d+[-_]/, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^(livepatch|klp)_/, '')
      .slice(0, longest - prefix.length)
      .replace(/^_+|_+$/g, '');
    if (core === '') core = 'fix';
  } else {
    core = given.replace(/^livepatch[-_]/, '').replaceAll('-', '_');
    if (!/^[A-Za-z0-9_]+$/.test(core) || core.length + prefix.length > longest)
      throw new UsageError(
        `${JSON.stringify(given)} cannot be the name of a livepatch`,
        `give another with --name: letters, digits, dashes and underscores, at most ${longest - prefix.length}`,
      );
  }
  return { module: prefix + core, file: `livepatch-${core.replaceAll('_', '-')}` };
}
