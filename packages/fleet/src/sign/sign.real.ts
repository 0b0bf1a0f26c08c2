import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { readModuleBytes, splitSignature } from '@klpkit/formats';
import { addKernel, type Kernel, listModules } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeys, passphrase } from '../testing/keys.ts';
import { readCertificate } from './openssl.ts';
import { signModule } from './sign.ts';
import { verifyModule } from './verify.ts';

let folder = '';
let kernel: Kernel;
let shipped: Uint8Array;
const at = (name: string) => join(folder, name);
const signing = (key = 'key.pem', cert = 'cert.pem', pin?: string) => ({ key: at(key), cert: at(cert), pin });

beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  folder = await mkdtemp(join(tmpdir(), 'klpkit-sign-'));
  await makeKeys(folder);
  const [first] = await listModules(kernel);
  shipped = await readModuleBytes(await readFile(first?.path ?? ''));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a signing ends with. */
async function trouble(...args: Parameters<typeof signing>): Promise<UsageError> {
  const { module } = splitSignature(shipped);
  const error = await signModule(kernel, module, signing(...args)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  return error as UsageError;
}

describe('signModule', () => {
  it("signs by the kernel's own program, so that it verifies", async () => {
    const certificate = await readCertificate(at('cert.pem'));
    const { module } = splitSignature(shipped);
    const signed = await signModule(kernel, module, signing());
    expect(signed.hash).toBe('sha256');
    expect(await verifyModule(signed.module, certificate)).toMatchObject({ isGood: true });
    expect(Buffer.compare(splitSignature(signed.module).module, module)).toBe(0);
    const changed = Uint8Array.from(signed.module);
    changed[100] = (changed[100] ?? 0) ^ 1;
    expect(await verifyModule(changed, certificate)).toMatchObject({ isGood: false });
    expect((await signModule(kernel, module, signing('locked.pem', 'cert.pem', passphrase))).module).toEqual(
      signed.module,
    );
  });

  it('signs a signed module only if that is asked for', async () => {
    const { module } = await signModule(kernel, splitSignature(shipped).module, signing());
    await expect(signModule(kernel, module, signing())).rejects.toThrow('the module is signed already');
    expect((await signModule(kernel, module, signing(), true)).module).toEqual(module);
  });

  it('tells in a line what is wrong with a key, and never its passphrase', async () => {
    expect((await trouble('locked.pem')).message).toContain('has a passphrase, and none is given');
    const { message } = await trouble('locked.pem', 'cert.pem', 'wrong passphrase');
    expect(message).toContain('does not open with the passphrase');
    expect(message).not.toContain('wrong passphrase');
    expect((await trouble('other.pem')).message).toContain('does not belong to the certificate');
    expect((await trouble('cert.pem')).message).toContain('is no private key');
    expect((await trouble('nothing')).message).toContain('cannot be read: ENOENT');
    for (const { message: text } of [await trouble('locked.pem'), await trouble('cert.pem')])
      expect(text).not.toContain('\n');
  });

  it('tells of a kernel that has no program for it', async () => {
    const { module } = splitSignature(shipped);
    await cp(join(kernel.buildDir, '.config'), at('.config'), { dereference: true });
    const bare = { id: kernel.id, buildDir: folder };
    await expect(signModule(bare, module, signing())).rejects.toThrow('have no scripts/sign-file');
  });
});
