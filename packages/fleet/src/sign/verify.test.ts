import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeys } from '../testing/keys.ts';
import { type Certificate, readCertificate } from './openssl.ts';
import { signDetached } from './sign.ts';
import { verifyModule } from './verify.ts';

let folder = '';
let certificate: Certificate;
let other: Certificate;
const module = new TextEncoder().encode('\x7fELF, the bytes of a module');

/** A module with a signature behind it, laid out as struct module_signature has it. */
let signed: Uint8Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-keys-'));
  await makeKeys(folder);
  certificate = await readCertificate(join(folder, 'cert.pem'));
  other = await readCertificate(join(folder, 'other.crt'));
  const signature = await signDetached(module, {
    key: join(folder, 'key.pem'),
    cert: join(folder, 'cert.pem'),
  });
  const lengths = Buffer.alloc(12);
  lengths[2] = 2;
  lengths.writeUInt32BE(signature.length, 8);
  signed = Buffer.concat([module, signature, lengths, Buffer.from('~Module signature appended~\n')]);
});
afterAll(() => rm(folder, { recursive: true }));

function flipped(at: number): Uint8Array {
  const bytes = Uint8Array.from(signed);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

describe('verifyModule', () => {
  it('takes what was signed', async () => {
    expect(await verifyModule(signed, certificate)).toMatchObject({ isGood: true });
    expect(certificate.subject).toBe('O=klpkit, CN=release key');
  });

  it('refuses a byte that is another, in the module and in the signature', async () => {
    for (const at of [module.length - 1, signed.length - 28 - 12 - 1])
      expect(await verifyModule(flipped(at), certificate)).toMatchObject({
        isGood: false,
        reason: 'the module is not what was signed, or the signature was changed',
      });
  });

  it('refuses what it cannot read, and a trailer that the kernel does not take', async () => {
    expect(await verifyModule(flipped(module.length), certificate)).toMatchObject({
      reason: 'the signature is no PKCS#7 message that can be read',
    });
    expect(await verifyModule(flipped(signed.length - 28 - 10), certificate)).toMatchObject({
      reason: 'the trailer of the signature is 0000030000000000, and kernels take 0000020000000000 only',
    });
  });

  it('tells another key, and no signature', async () => {
    expect(await verifyModule(signed, other)).toMatchObject({
      reason: 'it was signed with another key than that of CN=another key',
    });
    expect(await verifyModule(module, certificate)).toMatchObject({ reason: 'there is no signature' });
  });
});

describe('readCertificate', () => {
  it('tells of a file that is none', async () => {
    await expect(readCertificate(join(folder, 'key.pem'))).rejects.toThrow('is no X.509 certificate');
    await expect(readCertificate(join(folder, 'nothing'))).rejects.toThrow('cannot be read: ENOENT');
  });
});
