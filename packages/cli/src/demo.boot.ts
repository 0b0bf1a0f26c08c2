import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoLine } from './demo-fix.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

const bin = fileURLToPath(new URL('klpkit.js', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-demo-test-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Process ids of a process's children. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        // The name in parentheses may hold anything; behind it come state and parent.
        const stat = readFileSync(`/proc/${one}/stat`, 'latin1');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    });
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Waits until a program of that name is a child of the process. */
async function childNamed(parent: ChildProcess, name: string): Promise<number> {
  while (parent.exitCode === null) {
    for (const pid of childrenOf(parent.pid ?? -1))
      if (isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(name)) return pid;
    await wait(20);
  }
  throw new Error(`the command ended with ${parent.exitCode} before it started ${name}`);
}

describe('the demo, proven by a boot of the kernel that Debian ships', () => {
  const out = () => join(folder, 'demo');

  it('goes from a kernel to a proof that shows the fix and its revert', async () => {
    const { code, stdout, stderr } = await klpkit('demo', '--json', '-o', out());
    expect(stderr).not.toContain('klpkit demo:');
    const answer = v.parse(schemas.demo, JSON.parse(stdout));
    if (answer.outcome !== 'proven') throw new Error(stdout);
    expect(code).toBe(0);
    const { before, patched, reverted } = answer.check;
    expect(before).toMatch(/^Linux version 6\.12\./);
    expect(before).not.toContain(demoLine);
    expect(patched).toBe(`${before}${demoLine}\n`);
    expect(reverted).toBe(before);
    expect(readdirSync(out()).sort()).toEqual([
      'fix.patch',
      'livepatch-demo.html',
      'livepatch-demo.json',
      'livepatch-demo.ko',
      'livepatch-demo.transcript.txt',
    ]);
    expect(readFileSync(answer.files.transcript, 'utf8')).toContain('-- console');
    expect(readFileSync(answer.files.page, 'utf8')).toContain('version_proc_show');
    expect(JSON.parse(readFileSync(answer.files.report, 'utf8'))).toMatchObject({ name: 'livepatch_demo' });
  });

  it('holds each check to its own expectations, with the modules that it needs, and ends with code 1', async () => {
    const { code, stdout } = await klpkit(
      'prove',
      join(out(), 'livepatch-demo.ko'),
      '--kernel',
      'debian:6.12',
      '--check',
      'cat /proc/version',
      '--expect-after',
      'something else',
      '--check',
      'cut -d" " -f1 /proc/modules',
      '--expect-after',
      '',
      '--expect-before',
      '',
      '--expect-before',
      'nft_log',
      '--module',
      'nft-log',
      '--transcript',
      join(folder, 'transcript.txt'),
      '--json',
    );
    const answer = v.parse(schemas.prove, JSON.parse(stdout));
    expect(answer.outcome).toBe('not-proven');
    expect(code).toBe(1);
    if (answer.outcome !== 'not-proven') return;
    const [version, modules] = answer.livepatches[0]?.passes[0]?.checks ?? [];
    expect(version?.patched).toMatchObject({ expected: 'something else', isMet: false });
    expect(version?.before).not.toHaveProperty('isMet');
    expect(modules?.before).toMatchObject({ expected: 'nft_log', isMet: true });
    expect(modules?.patched).not.toHaveProperty('isMet');
  });

  it('takes no module that the kernel does not have', async () => {
    const argv = [
      'prove',
      join(out(), 'livepatch-demo.ko'),
      '--kernel',
      'debian:6.12',
      '--module',
      'nonesuch',
    ];
    const { code, stderr } = await klpkit(...argv);
    expect(stderr).toMatch(/^klpkit prove: debian:6\.12\.\S+ has no module nonesuch$/m);
    expect(code).toBe(2);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves no VM and no file behind on %s', async (signal) => {
    const transcript = join(folder, `${signal}.txt`);
    const argv = [
      bin,
      'prove',
      join(out(), 'livepatch-demo.ko'),
      '--kernel',
      'debian:6.12',
      '--transcript',
      transcript,
    ];
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: folder },
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    const vm = await childNamed(child, 'qemu-system-x86_64');
    expect(isAlive(vm), 'premise: the VM runs').toBe(true);
    child.kill(signal);
    expect(await ended).toBe(signal === 'SIGINT' ? 130 : 143);
    while (isAlive(vm)) await wait(10);
    expect(stderr).toContain('klpkit: interrupted');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(folder).filter((name) => name !== 'demo' && name !== 'transcript.txt')).toEqual([]);
  });
});
