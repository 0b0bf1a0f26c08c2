import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissingTool } from '@klpkit/findings';
import { run } from '@klpkit/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findQemu, startVm, VmDied, type VmSpec } from './vm.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-vm-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A kernel of a few instructions, entered by its PVH note, that writes `text` to the first serial port and then does `end`. */
async function tinyKernel(name: string, text: string, end: string): Promise<string> {
  const assembly = join(folder, `${name}.s`);
  const object = join(folder, `${name}.o`);
  const kernel = join(folder, name);
  writeFileSync(
    assembly,
    `.section .note.pvh, "a", @note
     .long 4, 4, 18
     .asciz "Xen"
     .long _start
     .text
     .code32
     .globl _start
     _start: mov $text, %esi
     mov $0x3f8, %dx
     1: lodsb
     test %al, %al
     jz 2f
     outb %al, %dx
     jmp 1b
     2: ${end}
     .data
     text: .asciz ${JSON.stringify(text)}
    `,
  );
  await run(['as', '--32', '-o', object, assembly]);
  await run(['ld', '-m', 'elf_i386', '-Ttext=0x100000', '-o', kernel, object]);
  return kernel;
}

const spec = (kernel: string, bootMs = 20_000): VmSpec => ({
  accel: 'tcg',
  memoryMb: 64,
  kernel,
  init: new Uint8Array(8),
  files: [],
  hasShell: false,
  append: [],
  bootMs,
});

/** Processes whose command line names the file. */
function processesOf(path: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path);
    } catch {
      return false;
    }
  });
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

// A triple fault: -no-reboot makes QEMU end with status 0, as it does after a panic.
const reset = 'lidt 0\n int3';

describe('a VM that does not come up', () => {
  it('and hangs is ended at its deadline, with its console, and nothing is left', async () => {
    const kernel = await tinyKernel('spin', 'here I stay\n', 'jmp .');
    const error = await failure(startVm(spec(kernel, 1500)));
    expect(error).toBeInstanceOf(VmDied);
    expect(error).toMatchObject({ death: 'boot', message: 'the guest was not ready after 1.5 s' });
    expect((error as VmDied).console).toContain('here I stay');
    expect(processesOf(kernel)).toEqual([]);
  });

  it('because its kernel panics says so, though QEMU ends with status 0', async () => {
    const kernel = await tinyKernel('panic', 'Kernel panic - not syncing: no way\r\n', reset);
    expect(await failure(startVm(spec(kernel)))).toMatchObject({
      death: 'panic',
      message: "the guest's kernel panicked: no way",
    });
  });

  it('because it resets silently says that QEMU ended, and its last line', async () => {
    const kernel = await tinyKernel('reset', 'almost there\n', reset);
    expect(await failure(startVm(spec(kernel)))).toMatchObject({
      death: 'exit',
      message: expect.stringMatching(
        /ended with code 0 in the middle of the proof; its last line: almost there/,
      ),
    });
  });

  it('because KVM gave up is ended at once', async () => {
    const kernel = await tinyKernel('kvm', 'KVM internal error. Suberror: 1\n', 'jmp .');
    expect(await failure(startVm(spec(kernel)))).toMatchObject({ death: 'kvm' });
  });

  it('because its kernel is none carries what QEMU said', async () => {
    const kernel = join(folder, 'garbage');
    writeFileSync(kernel, 'no kernel');
    expect(await failure(startVm(spec(kernel)))).toMatchObject({
      death: 'exit',
      message: expect.stringMatching(/ended with code 1.*qemu/),
    });
  });

  it('is ended by an abort, with its reason', async () => {
    const kernel = await tinyKernel('abort', '', 'jmp .');
    const controller = new AbortController();
    const started = failure(startVm({ ...spec(kernel), signal: controller.signal }));
    while (processesOf(kernel).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await started).toBe(reason);
    expect(processesOf(kernel)).toEqual([]);
  });
});

describe('a machine without QEMU', () => {
  it('is told the command that mends it', () => {
    const path = process.env.PATH;
    expect(findQemu()).toMatch(/qemu-system-x86_64$/);
    try {
      process.env.PATH = folder;
      expect(() => findQemu()).toThrow(MissingTool);
      try {
        findQemu();
      } catch (error) {
        expect((error as MissingTool).remedy).toMatch(/apt-get install -y busybox-static qemu-system-x86$/);
      }
    } finally {
      process.env.PATH = path;
    }
  });
});
