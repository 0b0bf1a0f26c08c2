import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitSignature } from '@klpkit/formats';
import { inTemporaryFolder } from '@klpkit/host';
import { type Certificate, runSigner } from './openssl.ts';

/** What a signature comes to: good, or why not. */
export type Verification =
  | { readonly isGood: true; readonly bytes: number }
  | { readonly isGood: false; readonly reason: string; readonly next: string };

/** sizeof(struct module_signature), and the length of the text behind it. */
const trailerBytes = 12 + 28;
/** PKEY_ID_PKCS7, the one kind that kernels verify since 4.3 (include/linux/module_signature.h). */
const pkcs7 = 2;

/**
 * Verifies the signature behind a module as the kernel does: the trailer is as `mod_check_sig` wants it, and the PKCS#7 message is
 * one of this certificate over the very bytes before it. Dates and uses of the certificate do not count, as they do not for the kernel.
 *
 * @throws {FormatError} for a trailer that does not fit into the file
 */
export async function verifyModule(bytes: Uint8Array, certificate: Certificate): Promise<Verification> {
  const { module, signature } = splitSignature(bytes);
  if (!signature) return { isGood: false, reason: 'there is no signature', next: 'klpkit sign' };
  // algo, hash, id_type, signer_len, key_id_len, __pad[3]: all 0 but the third.
  const trailer = bytes.subarray(bytes.length - trailerBytes, bytes.length - trailerBytes + 8);
  if (trailer.some((byte, index) => byte !== (index === 2 ? pkcs7 : 0)))
    return {
      isGood: false,
      reason: `the trailer of the signature is ${hex(trailer)}, and kernels take 0000020000000000 only`,
      next: 'sign it anew with klpkit sign --again',
    };
  return verifyDetached(module, signature, certificate);
}

/** Verifies a PKCS#7 message in DER over content that it does not hold. */
export async function verifyDetached(
  content: Uint8Array,
  signature: Uint8Array,
  certificate: Certificate,
): Promise<Verification> {
  return inTemporaryFolder('klpkit-verify-', async (folder) => {
    const file = (name: string) => join(folder, name);
    await writeFile(file('content'), content);
    await writeFile(file('signature'), signature);
    await writeFile(file('certificate'), certificate.pem);
    const { code, stderr } = await runSigner(
      [
        ...['openssl', 'cms', '-verify', '-binary', '-inform', 'DER', '-in', file('signature')],
        ...['-content', file('content'), '-certfile', file('certificate'), '-nointern', '-noverify'],
        ...['-out', file('out')],
      ],
      undefined,
    );
    if (code === 0) return { isGood: true, bytes: signature.length };
    return { isGood: false, ...reasonOf(stderr, certificate) };
  });
}

function reasonOf(stderr: string, { subject }: Certificate): { reason: string; next: string } {
  if (/signer certificate not found/i.test(stderr))
    return {
      reason: `it was signed with another key than that of ${subject}`,
      next: 'give the certificate of the key that signed it',
    };
  if (/verification failure|content verify error|bad signature|digest/i.test(stderr))
    return {
      reason: 'the module is not what was signed, or the signature was changed',
      next: 'take the module from where it was released',
    };
  return {
    reason: 'the signature is no PKCS#7 message that can be read',
    next: 'sign it anew with klpkit sign --again',
  };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
