import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cell } from '@klpkit/fleet';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { demoPatch, demoSource } from '../demo-fix.ts';

/** klpkit in a process of its own, with all that it said so far. */
export type Started = ChildProcess & { said: string };

/** What a run of a matrix answers. */
export interface MatrixAnswer {
  readonly code: number | null;
  readonly cells: Cell[];
  readonly jobs: { readonly done: number; readonly kept: number };
}

const bin = fileURLToPath(new URL('../bin.ts', import.meta.url));

/** A folder with a matrix of one kernel and three fixes: one good, one that does not apply, one that does not compile. */
export class MatrixFolder {
  readonly folder: string;
  /** Tree of the matrix's kernel. */
  readonly sourceDir: string;
  readonly #started: Started[] = [];

  static async make(): Promise<MatrixFolder> {
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const fix = demoPatch(readFileSync(join(kernel.sourceDir, demoSource), 'utf8'));
    if (!fix) throw new Error(`${demoSource} of ${kernel.id} has no place for the fix`);
    return new MatrixFolder(kernel, fix);
  }

  private constructor({ id: kernel, sourceDir }: Kernel, fix: string) {
    this.sourceDir = sourceDir;
    this.folder = mkdtempSync(join(tmpdir(), 'klpkit-matrix-'));
    mkdirSync(this.at('patches'));
    writeFileSync(this.at('patches/good.patch'), fix);
    writeFileSync(this.at('patches/stale.patch'), fix.replaceAll('\n ', '\n 0'));
    writeFileSync(this.at('patches/bad.patch'), fix.replace('seq_puts', 'no_such_function'));
    writeFileSync(
      this.at('life.yaml'),
      'name: life\nmodules:\n  mine:\nsteps:\n  - load: mine\n  - disable: mine\n  - unload: mine\n',
    );
    writeFileSync(
      this.at('matrix.yaml'),
      `format: 1
name: web
kernels: [${kernel}]
fixes:
  - id: good
    cve: CVE-2026-1234
    patch: patches/good.patch
    checks:
      - { run: grep -c livepatched /proc/version, before: '0', patched: '1', reverted: '0' }
  - { id: stale, patch: patches/stale.patch }
  - { id: bad, patch: patches/bad.patch }
policy:
  scenarios: [life.yaml]
`,
    );
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** Starts klpkit, as on another machine. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = Object.assign(child, { said: '' });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        started.said += chunk.toString();
      });
    this.#started.push(started);
    return started;
  }

  /** A run of the matrix to its end. */
  async run(...args: readonly string[]): Promise<MatrixAnswer> {
    return answerOf(this.start(['matrix', 'run', 'matrix.yaml', '--json', ...args]));
  }

  /** Names of jobs whose results are in a store of this folder, as workers call them. */
  finished(store: string): Set<string> {
    const results = this.at(join(store, 'results'));
    if (!existsSync(results)) return new Set();
    return new Set(
      readdirSync(results, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(name.lastIndexOf('/') + 1).slice(0, 12)),
    );
  }

  remove(): void {
    for (const child of this.#started) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Waits for the end of a run of a matrix with `--json`. */
export async function answerOf(child: Started): Promise<MatrixAnswer> {
  const code = await ended(child);
  const json = child.said.slice(child.said.indexOf('{\n'));
  return { code, ...(JSON.parse(json) as { cells: Cell[]; jobs: { done: number; kept: number } }) };
}

/** Waits for a process to end; gives its exit code. */
export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return new Promise((resolve) => child.once('close', resolve));
}

/** Waits until something is so; what it is is named when it does not come. */
export async function until(what: string, isSo: () => boolean, seconds = 180): Promise<void> {
  for (const since = Date.now(); !isSo(); await wait(20))
    if (Date.now() - since > seconds * 1000) throw new Error(`${what} did not come in ${seconds} s`);
}

/** Names of programs that run with this text in their command line. */
export function programsWith(text: string): string[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const line = /^\d+$/.test(entry) ? readFileSync(`/proc/${entry}/cmdline`, 'utf8') : '';
      return line.includes(text) ? [line.split('\0')[0] ?? ''] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/** Whether a program runs below a process, however deep: `cc1`, `qemu-system-x86` (names are cut to 15 letters). */
export function runsBelow({ pid }: ChildProcess, program: string): boolean {
  const parents = new Map<number, { parent: number; name: string }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // Man page proc(5): pid (comm) state ppid …
      const [, name = '', parent] =
        /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? [];
      parents.set(Number(entry), { parent: Number(parent), name });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (one: number): boolean => {
    const parent = parents.get(one)?.parent;
    return parent !== undefined && (parent === pid || isBelow(parent));
  };
  return [...parents].some(([one, { name }]) => name === program && isBelow(one));
}
