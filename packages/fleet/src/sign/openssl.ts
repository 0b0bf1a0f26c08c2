import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '@klpkit/findings';
import { type RunResult, run } from '@klpkit/host';

/** The certificate to a key, as it was read. */
export interface Certificate {
  /** In PEM, whatever the file was in, and nothing besides. */
  readonly pem: string;
  /** `CN=release key, O=example`. */
  readonly subject: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
}

/** Reads a certificate, PEM or DER. @throws {UsageError} for a file that is none */
export async function readCertificate(path: string): Promise<Certificate> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read: ${error.code}`, 'name the certificate with --cert');
  });
  try {
    const certificate = new X509Certificate(bytes);
    return {
      pem: certificate.toString(),
      subject: certificate.subject.replaceAll('\n', ', '),
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    };
  } catch {
    throw new UsageError(`${path} is no X.509 certificate, PEM or DER`, 'name the certificate with --cert');
  }
}

/** Time that a program may take that signs or verifies: a token may ask somebody to touch it. */
const timeoutMs = 120_000;

/**
 * Runs a program that signs or verifies. It has no terminal, so one that would ask for a passphrase fails.
 *
 * @param pin passphrase of the key; it goes by the environment, where the kernel's program looks for it, and into no message
 */
export function runSigner(argv: readonly string[], pin: string | undefined): Promise<RunResult> {
  const { KBUILD_SIGN_PIN: _, ...inherited } = process.env as Record<string, string>;
  const env = { ...inherited, LC_ALL: 'C', ...(pin === undefined ? {} : { KBUILD_SIGN_PIN: pin }) };
  return run(argv, { env, check: false, timeoutMs });
}

/** What OpenSSL says when it cannot use a key, in words. */
const keyTroubles: readonly [RegExp, string, string][] = [
  [
    /interrupted or cancelled|bad password read|no password|unable to get passphrase/i,
    'has a passphrase, and none is given',
    'set KBUILD_SIGN_PIN to it',
  ],
  [
    /bad decrypt|cipherfinal error/i,
    'does not open with the passphrase in KBUILD_SIGN_PIN',
    'set it to the right one',
  ],
  [
    /key type mismatch|key values mismatch|does not match certificate/i,
    'does not belong to the certificate',
    'give the certificate that was made of this key',
  ],
  [
    /no start line|unsupported|not enough data|wrong tag/i,
    'is no private key in PEM',
    'name the key with --key',
  ],
];

/** Why a program could not sign, as one line. */
export function signTrouble(key: string, stderr: string): UsageError {
  for (const [pattern, what, next] of keyTroubles)
    if (pattern.test(stderr)) return new UsageError(`the key ${key} ${what}`, next);
  const reasons = stderr.split('\n').filter((line) => line.trim() !== '');
  return new UsageError(`the key ${key} cannot sign: ${reasons.at(-1)?.trim() ?? 'no reason was given'}`);
}
