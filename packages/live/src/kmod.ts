import { existsSync, realpathSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { MissingTool } from '@klpkit/findings';
import { aptInstall, run } from '@klpkit/host';

/** Where programs of the administrator are, beside PATH. */
const sbin = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** How insmod and rmmod word an errno: kmod's own words, then the C library's, by which busybox says it as well. */
const words: readonly (readonly [pattern: RegExp, errno: string])[] = [
  [/Invalid module format|Exec format error|invalid module format/, 'ENOEXEC'],
  [/Unknown symbol in module|unknown symbol in module|No such file or directory/, 'ENOENT'],
  [/Module has wrong symbol version|No such process/, 'ESRCH'],
  [/Invalid parameters|Invalid argument|invalid parameter/, 'EINVAL'],
  [/File exists/, 'EEXIST'],
  [/Device or resource busy|Resource busy/, 'EBUSY'],
  [/Operation not permitted/, 'EPERM'],
  [/Key was rejected by service/, 'EKEYREJECTED'],
  [/Required key not available/, 'ENOKEY'],
  [/Resource temporarily unavailable|is in use/, 'EAGAIN'],
  [/Cannot allocate memory|Out of memory/, 'ENOMEM'],
  [/No such device/, 'ENODEV'],
];

/** The errno in what insmod or rmmod printed; `undefined` for words that are not known. */
export function errnoInWords(text: string): string | undefined {
  return words.find(([pattern]) => pattern.test(text))?.[1];
}

/** Path of kmod's or busybox's program. @throws {MissingTool} */
function findTool(name: 'insmod' | 'rmmod'): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((path) => path !== ''), ...sbin];
  const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new MissingTool(`there is no ${name} on this machine`, aptInstall(['kmod']));
  // A link to busybox is told by its target which command it is to be.
  return basename(realpathSync(path)) === 'busybox' ? [realpathSync(path), name] : [path];
}

/** What the kernel answered to insmod or rmmod. */
export interface KmodAnswer {
  /** Empty when it went well; else the error's name, or `unknown`. */
  readonly errno: string;
  /** The program's own words. */
  readonly said: string;
}

async function call(argv: readonly string[], signal: AbortSignal | undefined): Promise<KmodAnswer> {
  const { code, stdout, stderr } = await run(argv, { check: false, signal });
  const said = `${stderr}${stdout}`.trim();
  return { errno: code === 0 ? '' : (errnoInWords(said) ?? 'unknown'), said };
}

/** Loads a module file by insmod. */
export function insmod(path: string, signal?: AbortSignal): Promise<KmodAnswer> {
  return call([...findTool('insmod'), path], signal);
}

/** Removes a module by rmmod. */
export function rmmod(name: string, signal?: AbortSignal): Promise<KmodAnswer> {
  return call([...findTool('rmmod'), name], signal);
}
