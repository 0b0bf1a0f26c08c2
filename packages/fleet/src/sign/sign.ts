import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { splitSignature } from '@klpkit/formats';
import { inTemporaryFolder } from '@klpkit/host';
import { type Kernel, kernelConfig } from '@klpkit/kernel';
import { type Certificate, readCertificate, runSigner, signTrouble } from './openssl.ts';
import { verifyDetached, verifyModule } from './verify.ts';

/** What signs. */
export interface SigningKey {
  /** File of the private key, PEM, or a `pkcs11:` address as the kernel's program takes it. */
  readonly key: string;
  /** File of its certificate, PEM or DER. */
  readonly cert: string;
  /** Passphrase of the key. */
  readonly pin?: string | undefined;
}

/** A signed module. */
export interface SignedBytes {
  readonly module: Uint8Array;
  /** As the kernel's configuration has it: `sha256`. */
  readonly hash: string;
  readonly certificate: Certificate;
}

/**
 * Signs a module with the kernel's own program, `scripts/sign-file` of its build folder, by the hash of its configuration, and
 * verifies what came out.
 *
 * @param isAgain take a signature that is there away first; else a signed module is refused
 * @throws {UsageError} for a key that cannot sign, a module that is signed, a kernel that does not verify signatures
 */
export async function signModule(
  kernel: Pick<Kernel, 'id' | 'buildDir'>,
  bytes: Uint8Array,
  signing: SigningKey,
  isAgain = false,
): Promise<SignedBytes> {
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45)
    throw new UsageError(
      'only a plain module can be signed, and this is packed or no ELF file',
      'sign before packing',
    );
  const { module, signature } = splitSignature(bytes);
  if (signature && !isAgain)
    throw new UsageError('the module is signed already', 'replace its signature with --again');
  const certificate = await readCertificate(signing.cert);
  const hash = (await kernelConfig(kernel)).get('CONFIG_MODULE_SIG_HASH');
  if (!hash)
    throw new UsageError(
      `${kernel.id} verifies no signatures: its configuration has no CONFIG_MODULE_SIG_HASH`,
      'a module for it needs none',
    );
  const program = await signProgram(kernel);
  await checkKeyFile(signing.key);
  return inTemporaryFolder('klpkit-sign-', async (folder) => {
    const file = join(folder, 'module.ko');
    await writeFile(file, module);
    await writeFile(join(folder, 'cert.pem'), certificate.pem);
    const { code, stderr } = await runSigner(
      [program, hash, signing.key, join(folder, 'cert.pem'), file],
      signing.pin,
    );
    if (code !== 0) throw signTrouble(signing.key, stderr);
    const signed = await readFile(file);
    const verification = await verifyModule(signed, certificate);
    if (!verification.isGood)
      throw new UsageError(`${program} wrote a signature that does not verify: ${verification.reason}`);
    return { module: signed, hash, certificate };
  });
}

/**
 * Signs a text by a PKCS#7 message of its own, in DER, without time or certificate in it: the same key gives the same bytes
 * where its kind allows that (RSA does).
 */
export async function signDetached(content: Uint8Array, signing: SigningKey): Promise<Uint8Array> {
  const certificate = await readCertificate(signing.cert);
  await checkKeyFile(signing.key);
  return inTemporaryFolder('klpkit-sign-', async (folder) => {
    const file = (name: string) => join(folder, name);
    await writeFile(file('content'), content);
    await writeFile(file('cert.pem'), certificate.pem);
    const { code, stderr } = await runSigner(
      [
        ...['openssl', 'cms', '-sign', '-binary', '-noattr', '-nocerts', '-md', 'sha256', '-outform', 'DER'],
        ...['-in', file('content'), '-signer', file('cert.pem'), '-inkey', signing.key, '-out', file('out')],
        ...(signing.pin === undefined ? [] : ['-passin', 'env:KBUILD_SIGN_PIN']),
      ],
      signing.pin,
    );
    if (code !== 0) throw signTrouble(signing.key, stderr);
    const signature = await readFile(file('out'));
    const verification = await verifyDetached(content, signature, certificate);
    if (!verification.isGood) throw new UsageError(`the signature does not verify: ${verification.reason}`);
    return signature;
  });
}

async function signProgram({ id, buildDir }: Pick<Kernel, 'id' | 'buildDir'>): Promise<string> {
  const program = join(buildDir, 'scripts/sign-file');
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return program;
  throw new UsageError(
    `the build tools of ${id} have no scripts/sign-file, which signs modules`,
    'name another kernel of the series with --kernel; in a tree of your own, `make scripts` with CONFIG_MODULE_SIG makes it',
  );
}

async function checkKeyFile(key: string): Promise<void> {
  if (key.startsWith('pkcs11:')) return;
  await access(key, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`the key ${key} cannot be read: ${error.code}`, 'name the key with --key');
  });
}
