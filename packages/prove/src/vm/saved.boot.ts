import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { guestInit } from '../guest/init.ts';
import { type StartedVm, startWithState } from './saved.ts';
import { startVm, type VmSpec } from './vm.ts';

let kernel: Kernel;
let init: Uint8Array;
let folder: string;
beforeAll(async () => {
  const real = await addKernel('debian:6.12.117+deb12-amd64');
  folder = mkdtempSync(join(tmpdir(), 'klpkit-saved-'));
  // States of its own; everything else is the kernel's.
  kernel = { ...real, dir: folder };
  init = await guestInit(kernel);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const states = () => readdirSync(join(folder, 'states'));
const stateFile = () => join(folder, 'states', booted.savedState?.slice(0, 24) ?? '', 'state');

const spec = (): VmSpec => ({
  accel: 'tcg',
  memoryMb: 256,
  kernel: kernel.vmlinux,
  init,
  files: [],
  hasShell: true,
  append: [],
  bootMs: 300_000,
});

/** Starts a VM with a file, and gives how it came up, what the file holds there, its date, its random numbers and its command line. */
async function start(text: string, append: readonly string[] = []) {
  const files = [{ path: '/some/where/file', data: Buffer.from(text), mode: 0o640 }];
  const started: StartedVm = await startWithState(kernel, { ...spec(), files, append });
  const { vm } = started;
  try {
    const run = async (command: string) => {
      const reply = await vm.request('run', [command], { label: command, timeoutMs: 60_000 });
      return new TextDecoder().decode(reply.output).trim();
    };
    return {
      ...started.start,
      file: await run('cat /some/where/file; echo; stat -c %a /some/where/file'),
      seconds: Number(await run('date +%s')),
      random: await run('head -c 16 /dev/urandom | md5sum'),
      commandLine: await run('cat /proc/cmdline'),
      devices: await run('ls /dev/ttyS1 /nonce'),
    };
  } finally {
    await vm.end();
  }
}

let booted: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  // The first test boots; those that break the state leave a new one.
  booted ??= await start('first');
});

it('the first VM boots and leaves a state; the next goes on from it with files, time and numbers of its own', async () => {
  expect(booted).toMatchObject({ how: 'booted', file: 'first\n640' });
  expect(booted.problem).toBeUndefined();
  expect(states()).toEqual([booted.savedState?.slice(0, 24)]);
  const made = statSync(stateFile()).mtimeMs;
  const one = await start('second, and longer');
  const two = await start('third');
  expect([one.how, two.how]).toEqual(['restored', 'restored']);
  expect([one.file, two.file]).toEqual(['second, and longer\n640', 'third\n640']);
  expect(one.savedState).toBe(booted.savedState);
  expect(new Set([booted.random, one.random, two.random]).size).toBe(3);
  expect(Math.abs(two.seconds - Date.now() / 1000)).toBeLessThan(120);
  expect(one.devices).toMatch(/ttyS1.*\n.*nonce.*/);
  // Nothing that a VM does changes the state that it came from.
  expect(statSync(stateFile()).mtimeMs).toBe(made);
});

it('a state of another command line is not used', async () => {
  const other = await start('other', ['klpkit=1']);
  expect(other).toMatchObject({ how: 'booted', file: 'other\n640' });
  expect(other.commandLine).toMatch(/ klpkit=1$/);
  expect(other.savedState).not.toBe(booted.savedState);
  expect(states()).toHaveLength(2);
  expect((await start('again', ['klpkit=1'])).how).toBe('restored');
  rmSync(join(folder, 'states', other.savedState?.slice(0, 24) ?? ''), { recursive: true });
});

it('a damaged state is thrown away, and the VM boots', async () => {
  const bytes = readFileSync(stateFile());
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(stateFile(), bytes);
  const again = await start('boots');
  expect(again).toMatchObject({ how: 'booted', file: 'boots\n640' });
  expect(again.problem).toMatch(/the saved state is damaged/);
  expect((await start('mended')).how).toBe('restored');
  writeFileSync(stateFile(), bytes.subarray(0, 1 << 20));
  const cut = await start('cut');
  expect(cut).toMatchObject({ how: 'booted', file: 'cut\n640' });
  expect(cut.problem).toMatch(/could not be restored/);
});

it('a guest that may not see the memory gets its files all the same', async () => {
  const locked = await start('locked', ['lockdown=integrity']);
  expect(locked).toMatchObject({ how: 'booted', file: 'locked\n640' });
  expect(locked.problem).toMatch(/shares with the host/);
});

it('a VM whose state cannot be written goes on', async () => {
  const vm = await startVm({ ...spec(), state: { kind: 'savable' } });
  try {
    const place = join(folder, 'no such folder', 'state');
    await expect(vm.save(place)).rejects.toThrow(/saving the state has failed/);
    const reply = await vm.request('read', ['/proc/uptime'], { label: 'uptime', timeoutMs: 60_000 });
    expect([reply.status, reply.output.length > 0]).toEqual([0, true]);
  } finally {
    await vm.end();
  }
});
