import { closeSync, constants, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Where a machine's kernel shows itself. */
export interface Machine {
  /** The folder that holds `sys`, `proc` and `dev`: `/`, or one that a capture was unpacked into. */
  readonly root: string;
}

/** The machine that klpkit runs on. */
export const thisMachine: Machine = { root: '/' };

/** Files of the kernel are small; a capture's need not be. */
const mostBytes = 1 << 20;

/** What a folder or file that is not there, or a task that ended meanwhile, is answered with. */
const absent: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ESRCH',
  'ENODEV',
  'EINVAL',
  'ELOOP',
]);

/** The error's name, `EACCES`, of whatever a file operation threw. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/**
 * Text of a file of the kernel, without the blanks at its end; `undefined` where there is none. At most 1 MiB of it.
 *
 * @throws what the system says when it may not be read
 */
export function readText(machine: Machine, ...path: readonly string[]): string | undefined {
  let fd: number;
  try {
    // Not blocking: in a capture anything can be a pipe.
    fd = openSync(join(machine.root, ...path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (absent.has(codeOf(error))) return undefined;
    throw error;
  }
  try {
    const chunks: Buffer[] = [];
    for (let size = 0; size < mostBytes; ) {
      const chunk = Buffer.alloc(16384);
      const count = readSync(fd, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      size += count;
    }
    return Buffer.concat(chunks).toString('utf8').trimEnd();
  } catch (error) {
    const code = codeOf(error);
    if (absent.has(code) || code === 'EISDIR' || code === 'EAGAIN') return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Names in a folder of the kernel, sorted; with `kind`, only folders. `undefined` where there is no such folder. */
export function readNames(machine: Machine, path: string, kind?: 'folders'): string[] | undefined {
  try {
    return readdirSync(join(machine.root, path), { withFileTypes: true })
      .filter((entry) => kind === undefined || entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (absent.has(codeOf(error))) return undefined;
    throw error;
  }
}

/**
 * Writes to a file of the kernel.
 *
 * @returns the error's name, `EBUSY`; empty when the kernel took it
 */
export function writeText(machine: Machine, path: string, text: string): string {
  try {
    const fd = openSync(join(machine.root, path), 'w');
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
    return '';
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return code;
  }
}

/** Text that a task or a file chose, without characters that a terminal obeys. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
