import { parseArgs } from 'node:util';
// @ts-expect-error it brings no types
import S3rver from '@20minutes/s3rver';

/** The process of a service that speaks S3, with files in a folder and one bucket; it verifies signatures. Says `ready` when it is. */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    folder: { type: 'string', default: '.' },
    bucket: { type: 'string', default: 'klpkit' },
  },
});

const Server = S3rver as new (options: {
  readonly address: string;
  readonly port: number;
  readonly silent: boolean;
  readonly directory: string;
  readonly configureBuckets: readonly { readonly name: string }[];
}) => { run(): Promise<unknown> };

await new Server({
  address: '127.0.0.1',
  port: Number(values.port),
  silent: true,
  directory: values.folder,
  configureBuckets: [{ name: values.bucket }],
}).run();
process.stdout.write('ready\n');
