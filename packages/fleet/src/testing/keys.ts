import { join } from 'node:path';
import { run } from '@klpkit/host';

/** The passphrase of `locked.pem`. */
export const passphrase = 'a secret of the test';

/** Makes keys in a folder: `key.pem` with `cert.pem`, the same key as `locked.pem` with a passphrase, and `other.pem` with `other.crt`. */
export async function makeKeys(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const make = (key: string, cert: string, subject: string) =>
    run([
      ...['openssl', 'req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '3650'],
      ...['-subj', subject, '-keyout', at(key), '-out', at(cert)],
    ]);
  await make('key.pem', 'cert.pem', '/O=klpkit/CN=release key');
  await make('other.pem', 'other.crt', '/CN=another key');
  await run(
    ['openssl', 'rsa', '-aes256', '-passout', 'env:PASS', '-in', at('key.pem'), '-out', at('locked.pem')],
    { env: { ...(process.env as Record<string, string>), PASS: passphrase } },
  );
}
