import { readElf, readModuleInfo } from '@klpkit/formats';
import { addKernel, type Kernel, listModules, loadModule, withModules } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildModule } from './plain-module.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

const body = (text: string) =>
  `#include <linux/module.h>\n${text}\nMODULE_LICENSE("Dual MIT/GPL");\nMODULE_DESCRIPTION("x");\n`;
const build = (text: string, more: readonly string[] = []) =>
  buildModule(kernel, {
    name: 'klpkit_plain',
    sources: [
      { name: 'main.c', text: body(text) },
      ...more.map((one, number) => ({ name: `more${number}.c`, text: one })),
    ],
  });

describe('a module that is no livepatch', () => {
  it('is built of several files for the kernel, with the same bytes each time', async () => {
    const main = 'int more(void);\nstatic int __init start(void) { return more(); }\nmodule_init(start);';
    const more = ['int more(void);\nint more(void) { return 7; }\n'];
    const ko = await build(main, more);
    const info = readModuleInfo(readElf(ko));
    expect(info.get('name')).toBe('klpkit_plain');
    expect(info.get('vermagic')?.split(' ')[0]).toBe(kernel.release);
    expect(info.get('livepatch')).toBeUndefined();
    expect(Buffer.from(await build(main, more)).equals(Buffer.from(ko))).toBe(true);
  });

  it('is refused with the words of the compiler, and the place', async () => {
    await expect(build('void f(void);\nvoid f(void) { nothing(1); }')).rejects.toMatchObject({
      findings: [{ id: 'compile-failed', at: { file: 'main.c', line: 3 } }],
    });
  });

  it('is refused when it wants what the kernel does not export', async () => {
    const main = 'int nr_processes(void);\nint f(void);\nint f(void) { return nr_processes(); }';
    await expect(build(main)).rejects.toThrow(/nr_processes/);
  });
});

describe('further modules', () => {
  it('are found like those that the kernel ships, which are still there', async () => {
    const shipped = await listModules(kernel);
    expect(shipped.some(({ name }) => name === 'my_bell')).toBe(false);
    const known = withModules(kernel, ['/elsewhere/my-bell.ko']);
    const all = await listModules(known);
    expect(all.length).toBe(shipped.length + 1);
    expect(all.find(({ name }) => name === 'my_bell')?.path).toBe('/elsewhere/my-bell.ko');
    expect((await loadModule(known, 'loop')).name).toBe('loop');
    expect(await listModules(kernel)).toEqual(shipped);
  });
});
