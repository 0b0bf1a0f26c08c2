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

/** Exit code of {@link beside} for what has not come back. */
const hanging = 124;

/**
 * Runs a program and waits for it, but not for ever: what hangs in the kernel no signal ends, and whoever waits for it hangs as well. Its
 * output goes to a file, so that nothing of it is left with the caller.
 */
const beside = `out=$1; left=$2; shift 2
( "$@" >"$out" 2>&1; echo $? >"$out.code" ) </dev/null >/dev/null 2>&1 &
while [ ! -s "$out.code" ] && [ "$left" -gt 0 ]; do sleep 0.05; left=$((left-1)); done
cat "$out"
[ -s "$out.code" ] || exit ${hanging}
exit "$(cat "$out.code")"`;

/**
 * Loads a module file by insmod; `undefined` when that has not come back within the limit, and goes on.
 *
 * @param path in a folder where a file may be put beside it
 */
export async function insmod(
  path: string,
  limitMs: number,
  signal?: AbortSignal,
): Promise<KmodAnswer | undefined> {
  const rounds = `${Math.ceil(limitMs / 50)}`;
  const argv = ['sh', '-c', beside, 'sh', `${path}.out`, rounds, ...findTool('insmod'), path];
  const { code, stdout } = await run(argv, { check: false, signal });
  if (code === hanging) return undefined;
  const said = stdout.trim();
  return { errno: code === 0 ? '' : (errnoInWords(said) ?? 'unknown'), said };
}

/** Removes a module by rmmod. */
export async function rmmod(name: string, signal?: AbortSignal): Promise<KmodAnswer> {
  const { code, stdout, stderr } = await run([...findTool('rmmod'), name], { check: false, signal });
  const said = `${stderr}${stdout}`.trim();
  return { errno: code === 0 ? '' : (errnoInWords(said) ?? 'unknown'), said };
}
