import type { S3Client } from '@aws-sdk/client-s3';
import { sha256Hex } from '@klpkit/host';
import { s3Trouble } from './s3-trouble.ts';
import { damaged, mostBytes, placeOf, type Store, StoreError } from './types.ts';

/**
 * A store in a bucket of any service that speaks S3. Endpoint, region, keys and roles are those of the AWS_ variables, as Amazon's own
 * client reads them: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
 * AWS_PROFILE, and what machines of a cloud are given.
 *
 * That client is chosen for the last of these, which smaller ones leave out, and for being kept: 25 packages and 22 MB on disk. It is
 * loaded when a store is used and not before (0.15 s).
 */
export class S3Store implements Store {
  readonly #bucket: string;
  readonly #prefix: string;
  #opened: Promise<Opened> | undefined;

  /** @param prefix names in the bucket begin with it, and a slash; may be empty */
  constructor(bucket: string, prefix: string) {
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
  }

  async put(bytes: string | Uint8Array): Promise<string> {
    const digest = sha256Hex(bytes);
    // Written without a look whether it is there: that costs as much, and what was damaged is whole again.
    await this.#write(placeOf('objects', digest), bytes, digest);
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const place = placeOf('objects', digest);
    const bytes = await this.#read(place);
    if (!bytes)
      throw new StoreError(
        'missing',
        `the store s3://${this.#bucket}/${this.#prefix} has no ${digest}`,
        'give workers and matrix the same --store, and run it again',
      );
    if (sha256Hex(bytes) !== digest) throw damaged(this.#name(place), 'other bytes than the name says');
    return bytes;
  }

  async has(digest: string): Promise<boolean> {
    const place = placeOf('objects', digest);
    const input = { Bucket: this.#bucket, Key: this.#prefix + place };
    const found = await this.#find('NotFound', ({ sdk, client }) =>
      client.send(new sdk.HeadObjectCommand(input)),
    );
    // That answer has no text, and so does not tell an object that is not there from a bucket that is not.
    return found !== undefined || (await this.#read(place)) !== undefined;
  }

  async result(key: string): Promise<string | undefined> {
    const bytes = await this.#read(placeOf('results', key));
    return bytes && new TextDecoder().decode(bytes);
  }

  async keep(key: string, text: string): Promise<void> {
    await this.#write(placeOf('results', key), text, sha256Hex(text));
  }

  /** @param digest of the bytes; the service holds what arrives against it, where it can */
  async #write(place: string, bytes: string | Uint8Array, digest: string): Promise<void> {
    const input = {
      Bucket: this.#bucket,
      Key: this.#prefix + place,
      Body: bytes,
      ContentLength: Buffer.byteLength(bytes),
      ChecksumSHA256: Buffer.from(digest, 'hex').toString('base64'),
    };
    await this.#ask(({ sdk, client }) => client.send(new sdk.PutObjectCommand(input)));
  }

  async #read(place: string): Promise<Uint8Array | undefined> {
    return this.#find('NoSuchKey', async ({ sdk, client }) => {
      const input = { Bucket: this.#bucket, Key: this.#prefix + place };
      const { Body, ContentLength = 0 } = await client.send(new sdk.GetObjectCommand(input));
      if (ContentLength > mostBytes) {
        throw damaged(this.#name(place), `${ContentLength} bytes, which are too many,`);
      }
      return Body?.transformToByteArray();
    });
  }

  /** What a request for an object gives; undefined where the service says by this code that there is none. */
  async #find<T>(code: string, request: (opened: Opened) => Promise<T>): Promise<T | undefined> {
    return this.#ask((opened) =>
      request(opened).catch((error: Error) => {
        if (error.name !== code) throw error;
        return undefined;
      }),
    );
  }

  /** @throws {StoreError} for all that goes wrong */
  async #ask<T>(request: (opened: Opened) => Promise<T>): Promise<T> {
    this.#opened ??= open();
    try {
      return await request(await this.#opened);
    } catch (error) {
      throw error instanceof StoreError ? error : s3Trouble(error, this.#bucket);
    }
  }

  #name(place: string): string {
    return `s3://${this.#bucket}/${this.#prefix}${place}`;
  }
}

interface Opened {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

async function open(): Promise<Opened> {
  const sdk = await import('@aws-sdk/client-s3');
  const { env } = process;
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint ? 'us-east-1' : undefined);
  const client = new sdk.S3Client({
    ...(region ? { region } : {}),
    // Few services but Amazon's have a host name for each bucket.
    forcePathStyle: Boolean(endpoint),
    // Older services refuse checksums that they do not know, and what is read is held against its name anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Tries are counted in one place, the patience of the store.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5000, socketTimeout: 30_000 },
  });
  return { sdk, client };
}
