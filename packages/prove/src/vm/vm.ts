import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { MissingTool } from '@klpkit/findings';
import { aptInstall, removeAtInterrupt, run } from '@klpkit/host';
import { type GuestFile, makeInitramfs } from '../guest/initramfs.ts';
import { encodeRequest, nonceSize, type Operation, type Reply, replyReader } from '../guest/protocol.ts';
import type { Accel } from './accel.ts';
import { boundedText } from './console.ts';
import { type Monitor, monitorOn, saveState, stateRead } from './monitor.ts';
import { qemuArgv, sharedBytes } from './qemu.ts';

/** How a VM came to its end before its time. */
export type Death = 'panic' | 'exit' | 'silence' | 'lockup' | 'kvm' | 'protocol' | 'boot';

/** Thrown by everything that waits for the guest, once the VM is dead. */
export class VmDied extends Error {
  readonly death: Death;
  /** What the console had shown, when the VM died while it booted. */
  console = '';
  constructor(death: Death, message: string) {
    super(message);
    this.name = 'VmDied';
    this.death = death;
  }
}

/** What a VM is started with. */
export interface VmSpec {
  readonly accel: Accel;
  readonly memoryMb: number;
  /** The kernel's image, decompressed or as a bzImage. */
  readonly kernel: string;
  readonly init: Uint8Array;
  readonly files: readonly GuestFile[];
  /** Files that are there from the beginning, in a saved state too: the same for many runs. */
  readonly baseFiles?: readonly GuestFile[];
  readonly hasShell: boolean;
  readonly append: readonly string[];
  /** Wall time until the guest must be ready. */
  readonly bootMs: number;
  /** `savable`: a VM that {@link Vm.save} and {@link Vm.put} work on. `restored`: such a VM that goes on from a saved state. */
  readonly state?: { readonly kind: 'savable' } | { readonly kind: 'restored'; readonly path: string };
  readonly signal?: AbortSignal | undefined;
}

/** One request and its reply, for the transcript. */
export interface Exchange {
  readonly label: string;
  readonly reply: Reply;
}

/** Options of one request. */
export interface RequestOptions {
  /** What it is for, as the transcript and the verdict call it. */
  readonly label: string;
  /** Time limit in the guest; default 10 s. */
  readonly timeoutMs?: number;
  /** Most bytes of output; default 64 KiB. */
  readonly limit?: number;
}

/** A booted VM. */
export interface Vm {
  /** Sends a request and waits for its reply. Throws {@link VmDied}, or the reason of an abort. */
  request(operation: Operation, args: readonly string[], options: RequestOptions): Promise<Reply>;
  /** What the console has shown so far, and QEMU's own messages. */
  console(): string;
  /** Writes the state to a file, which must not exist, and lets the VM go on. Throws {@link VmDied}, or what QEMU says. */
  save(path: string): Promise<void>;
  /** Puts files into the VM. Gives the errno when the guest cannot take them, else 0. */
  put(files: readonly GuestFile[]): Promise<number>;
  readonly exchanges: readonly Exchange[];
  /** Wall seconds from QEMU's start to the guest being ready, or back from its saved state. */
  readonly bootSeconds: number;
  /** Ends QEMU and removes what was made for it. Never throws. */
  end(): Promise<void>;
}

/**
 * Wall time that a reply may be late beyond the guest's own limit. Above the 26 s after which the guest's soft-lockup
 * detector speaks, so that it gets to say where the processor is stuck.
 */
const slackMs = 40_000;
/** A console that tells of a soft lockup gets this long to print its trace. */
const lockupMs = 5000;

/** Path of the QEMU program, looked for in PATH. Throws {@link MissingTool} with the package to install. */
export function findQemu(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'qemu-system-x86_64');
    if (folder !== '' && existsSync(path)) return path;
  }
  throw new MissingTool(
    'a proof boots the kernel in QEMU, and there is no qemu-system-x86_64 on this machine',
    aptInstall(['busybox-static', 'qemu-system-x86']),
  );
}

/** Boots a kernel and waits until its init is ready. Throws {@link VmDied} if that does not happen, with nothing left behind. */
export async function startVm(spec: VmSpec): Promise<Vm> {
  const program = findQemu();
  const { signal } = spec;
  signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-vm-'));
  const forget = removeAtInterrupt(folder);
  const nonce = randomBytes(nonceSize);
  const text = boundedText();
  const exchanges: Exchange[] = [];
  const waiting = new Map<
    number,
    { label: string; resolve: (reply: Reply) => void; reject: (error: unknown) => void }
  >();
  const killer = new AbortController();
  let socket: Socket | undefined;
  let monitor: Monitor | undefined;
  let dead: unknown;
  let sequence = 0;
  let lockupTimer: NodeJS.Timeout | undefined;

  let sayDead: (error: unknown) => void = () => {};
  const whenDead = new Promise<never>((_, reject) => {
    sayDead = reject;
  });
  whenDead.catch(() => {});
  const die = (error: unknown) => {
    dead ??= error;
    for (const { reject } of waiting.values()) reject(dead);
    waiting.clear();
    killer.abort(dead);
    sayDead(dead);
  };
  const onConsole = (chunk: Uint8Array) => {
    text.push(chunk);
    const tail = text.tail();
    if (tail.includes('KVM internal error'))
      die(new VmDied('kvm', 'KVM gave up on the guest: KVM internal error'));
    if (!lockupTimer && tail.includes('BUG: soft lockup')) {
      lockupTimer = setTimeout(
        () => die(new VmDied('lockup', 'the processor is stuck in the kernel (soft lockup)')),
        lockupMs,
      );
    }
  };
  const reader = replyReader(nonce);
  const server = createServer((connection) => {
    socket = connection;
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      try {
        for (const reply of reader.push(chunk)) {
          const entry = waiting.get(reply.sequence);
          waiting.delete(reply.sequence);
          if (!entry) throw new Error(`a reply ${reply.sequence} that nobody asked for`);
          exchanges.push({ label: entry.label, reply });
          entry.resolve(reply);
        }
      } catch (error) {
        die(new VmDied('protocol', (error as Error).message));
      }
    });
  });
  const monitorServer = createServer();
  const connected = new Promise<Monitor>((resolve) => {
    monitorServer.on('connection', (connection) => {
      monitor = monitorOn(connection);
      resolve(monitor);
    });
  });
  const onAbort = () => die(signal?.reason ?? new DOMException('the proof was aborted', 'AbortError'));
  signal?.addEventListener('abort', onAbort, { once: true });

  const wait = (id: number, label: string, ms: number, late: () => VmDied) =>
    new Promise<Reply>((resolve, reject) => {
      if (dead) return reject(dead);
      const timer = setTimeout(() => die(late()), ms);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          then(value);
        };
      waiting.set(id, { label, resolve: settle(resolve), reject: settle(reject) });
    });

  const request: Vm['request'] = (operation, args, { label, timeoutMs = 10_000, limit = 65536 }) => {
    const id = ++sequence;
    const seconds = (timeoutMs + slackMs) / 1000;
    const late = () => new VmDied('silence', `the guest gave no answer for ${seconds} s`);
    const reply = wait(id, label, timeoutMs + slackMs, late);
    socket?.write(encodeRequest(id, operation, args, timeoutMs, limit));
    return reply;
  };

  let qemu: Promise<void> = Promise.resolve();
  const end = async () => {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(lockupTimer);
    dead ??= new VmDied('exit', 'the VM has been ended');
    killer.abort(dead);
    await qemu;
    socket?.destroy();
    server.close();
    monitorServer.close();
    forget();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    const initramfs = join(folder, 'initramfs.cpio');
    await writeFile(
      initramfs,
      await makeInitramfs({
        init: spec.init,
        nonce,
        files: [...(spec.baseFiles ?? []), ...spec.files],
        hasShell: spec.hasShell,
      }),
    );
    const path = join(folder, 'port');
    await listen(server, path);
    const { state } = spec;
    const shared = state && { file: join(folder, 'shared'), monitor: join(folder, 'monitor') };
    if (shared) {
      await listen(monitorServer, shared.monitor);
      const file = await open(shared.file, 'wx');
      await file.truncate(sharedBytes);
      await file.close();
    }
    const isRestored = state?.kind === 'restored';
    if (isRestored) await symlink(state.path, join(folder, 'state'));
    const argv = qemuArgv({ ...spec, program, initramfs, socket: path, shared, isRestored });
    const begin = performance.now();
    const late = () => new VmDied('boot', `the guest was not ready after ${spec.bootMs / 1000} s`);
    const ready = wait(isRestored ? resumption : 0, 'boot', spec.bootMs, late);
    // The shell joins QEMU's own messages to the console and is replaced by QEMU.
    qemu = run(['sh', '-c', 'exec "$@" 2>&1', 'sh', ...argv], {
      check: false,
      cwd: folder,
      signal: killer.signal,
      onStdout: onConsole,
    }).then(
      ({ code, signal: by }) => die(howItEnded(code, by, text.tail())),
      (error: unknown) => die(dead ?? error),
    );
    ready.catch(() => {});
    if (isRestored) {
      const first = await Promise.race([connected, whenDead]);
      await Promise.race([stateRead(first), whenDead]);
      await Promise.race([first.ask('cont'), whenDead]);
      const now = `${Math.floor(Date.now() / 1000)} ${randomBytes(32).toString('hex')}`;
      socket?.write(encodeRequest(resumption, 'resume', [nonce.toString('hex'), now], 10_000, 0));
    }
    const { status } = await ready;
    if (status !== 0)
      throw new VmDied('boot', `the guest cannot go on from its saved state (errno ${status})`);
    const bootSeconds = (performance.now() - begin) / 1000;
    return {
      exchanges,
      bootSeconds,
      console: text.all,
      end,
      async save(path) {
        await symlink(path, join(folder, 'state'));
        // A monitor that does not answer is a VM that does not either.
        await Promise.race([saveState(await connected), whenDead]);
      },
      async put(files) {
        const file = await open(join(folder, 'shared'), 'r+');
        try {
          let at = 0;
          for (const { path, data, mode = 0o755 } of files) {
            if (at + data.length > sharedBytes) return 28; // ENOSPC
            await file.write(data, 0, data.length, at);
            const how = `${at} ${data.length} ${mode.toString(8)}`;
            const { status } = await request('put', [path, how], { label: `put ${path}`, timeoutMs: 60_000 });
            if (status !== 0) return status;
            at += data.length;
          }
          return 0;
        } finally {
          await file.close();
        }
      },
      request,
    };
  } catch (error) {
    await end();
    if (error instanceof VmDied) error.console = text.all();
    throw error;
  }
}

/** Number of the request that a restored VM answers first; others count from 1. */
const resumption = 0xffffffff;

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function howItEnded(code: number | null, signal: string | null, tail: string): VmDied {
  const panic = /Kernel panic - not syncing: (.*)/.exec(tail);
  if (panic) return new VmDied('panic', `the guest's kernel panicked: ${panic[1]?.trim()}`);
  const last = tail.trimEnd().split('\n').at(-1) ?? '';
  const how = code === null ? `was killed by ${signal}` : `ended with code ${code}`;
  return new VmDied(
    'exit',
    `QEMU ${how} in the middle of the proof${last ? `; its last line: ${last.trim()}` : ''}`,
  );
}
