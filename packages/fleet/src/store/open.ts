import { resolve } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { FolderStore } from './folder.ts';
import { type Patience, PatientStore } from './patient.ts';
import { S3Store } from './s3.ts';
import type { Store } from './types.ts';

/** A store is waited for so long, unless `KLPKIT_STORE_PATIENCE` says other seconds. */
const patienceSeconds = 60;

/**
 * The address of a store in full: `s3://bucket/prefix`, or the absolute path of a folder.
 *
 * @throws {UsageError} for what is neither; it quotes nothing of an address that may hold a password
 */
export function storeAddress(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return resolve(text);
  const next = 'give a folder, or s3://BUCKET/PREFIX; keys and endpoint go into AWS_ variables';
  const [, bucket, rest = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  if (bucket === undefined)
    throw new UsageError('the address of the store is neither a folder nor s3://', next);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new UsageError('the address of the store does not begin with the name of a bucket', next);
  const prefix = rest.replace(/\/+$/, '');
  if (prefix !== '' && !prefix.split('/').every((part) => /^[\w.+=-]+$/.test(part) && !/^\.+$/.test(part)))
    throw new UsageError(
      'the prefix in the address of the store has other than letters, digits and . + = _ -',
      next,
    );
  return prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
}

/**
 * Opens a store by its address, as {@link storeAddress} gives it. A folder is made at the first write, a bucket must be there. It is
 * waited for while it cannot be reached.
 */
export function openStore(address: string, patience: Partial<Patience> = {}): Store {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(address) ?? [];
  const store = bucket === undefined ? new FolderStore(address) : new S3Store(bucket, prefix);
  return new PatientStore(store, { ms: patienceMs(), ...patience });
}

function patienceMs(): number {
  const text = process.env.KLPKIT_STORE_PATIENCE;
  if (text === undefined || text === '') return patienceSeconds * 1000;
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 86_400))
    throw new UsageError(
      `KLPKIT_STORE_PATIENCE is ${JSON.stringify(text)}, no number of seconds`,
      'give 0 to 86400, or unset it',
    );
  return seconds * 1000;
}
