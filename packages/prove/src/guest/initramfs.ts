import { readFile } from 'node:fs/promises';
import { MissingTool, UsageError } from '@klpkit/findings';
import { type CpioEntry, writeCpio } from '@klpkit/formats';
import { aptInstall, run } from '@klpkit/host';

/** A file that is put into the VM. */
export interface GuestFile {
  /** Absolute path in the VM. */
  readonly path: string;
  readonly data: Uint8Array;
  /** Permission bits; default 0755. */
  readonly mode?: number;
}

const busyboxPaths = ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox'];

/** busybox and its command names: `sh`, `cat`, …; the author's checks run on them. */
async function busybox(): Promise<{ program: Uint8Array; applets: string[] }> {
  const missing = (what: string) => new MissingTool(what, aptInstall(['busybox-static']));
  for (const path of busyboxPaths) {
    const program = await readFile(path).catch(() => undefined);
    if (!program) continue;
    if (isDynamic(program))
      throw missing(`${path} is not statically linked: the checks cannot run in the VM`);
    const { stdout } = await run([path, '--list'], { timeoutMs: 10_000 });
    return { program, applets: stdout.split('\n').filter((name) => name !== '' && !name.includes('/')) };
  }
  throw missing('the checks run on busybox in the VM, and there is none on this machine');
}

/** Whether this machine has what the author's checks run on. */
export function hasBusybox(): Promise<boolean> {
  return busybox().then(
    () => true,
    () => false,
  );
}

/** Whether an ELF64 program asks for an interpreter (PT_INTERP), so that it cannot run without its libraries. */
function isDynamic(program: Uint8Array): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  if (program.length < 64) return false;
  const offset = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let i = 0; i < count; i++) {
    const at = offset + i * size;
    if (at + 4 <= program.length && view.getUint32(at, true) === 3) return true;
  }
  return false;
}

/** File systems are mounted over dev, proc, sys and tmp, and init and nonce are ours. */
function isPlainPath(path: string): boolean {
  const parts = path.split('/');
  const isNamed = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
  const first = parts[0] ?? '';
  return isNamed && !['dev', 'proc', 'sys', 'tmp', 'init', 'nonce'].includes(first) && path !== 'bin';
}

/** What goes into {@link makeInitramfs}. */
export interface InitramfsContents {
  readonly init: Uint8Array;
  readonly nonce: Uint8Array;
  readonly files: readonly GuestFile[];
  /** Whether the author's checks need a shell. */
  readonly hasShell: boolean;
}

/** The initramfs of a run: the init, what it loads, and busybox only where checks need it. */
export async function makeInitramfs(contents: InitramfsContents): Promise<Uint8Array> {
  const entries = new Map<string, CpioEntry>();
  const add = (entry: CpioEntry) => entries.set(entry.path, entry);
  for (const path of ['proc', 'sys', 'dev', 'tmp']) add({ path });
  add({ path: 'init', data: contents.init, mode: 0o755 });
  add({ path: 'nonce', data: contents.nonce, mode: 0o600 });
  if (contents.hasShell) {
    const { program, applets } = await busybox();
    add({ path: 'bin/busybox', data: program, mode: 0o755 });
    for (const applet of applets) if (applet !== 'busybox') add({ path: `bin/${applet}`, target: 'busybox' });
  }
  for (const { path, data, mode } of contents.files) {
    const relative = path.replace(/^\/+/, '');
    if (!isPlainPath(relative)) {
      throw new UsageError(
        `${JSON.stringify(path)} cannot be a file of the proof VM`,
        'give an absolute path without . and .., outside /dev, /proc, /sys and /tmp',
      );
    }
    add({ path: relative, data, mode: mode ?? 0o755 });
  }
  return writeCpio([...entries.values()]);
}
