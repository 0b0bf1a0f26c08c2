import { StoreError } from './types.ts';

const denied = [
  'the service denies it',
  'check the keys; allow s3:GetObject, s3:PutObject and, without which what is missing counts as denied, s3:ListBucket',
] as const;

/** What waiting does not mend, by the code that S3 gives it: what it is, and the next step. */
const refusals: Readonly<Record<string, readonly [string, string]>> = {
  NoSuchBucket: ['there is no such bucket', 'make the bucket, or name another with --store'],
  AccessDenied: denied,
  InvalidAccessKeyId: ['the service does not know the access key', 'check AWS_ACCESS_KEY_ID'],
  SignatureDoesNotMatch: ['the secret key is not that of the access key', 'check AWS_SECRET_ACCESS_KEY'],
  InvalidToken: ['the service does not know the session token', 'check AWS_SESSION_TOKEN'],
  ExpiredToken: ['the session token has expired', 'set AWS_SESSION_TOKEN and its keys anew'],
  RequestTimeTooSkewed: ["this machine's clock is wrong", 'set the clock'],
  AuthorizationHeaderMalformed: ['the bucket is in another region', 'set AWS_REGION to that of the bucket'],
  PermanentRedirect: ['the bucket is in another region', 'set AWS_REGION to that of the bucket'],
  CredentialsProviderError: [
    'there are no keys to sign with',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  ],
};

/**
 * What an error of the client means for a store. Its own message is left out of ours: some services quote keys in theirs.
 *
 * @param error as the client threw it: a service's answer has its code as `name`, one of the network has a `code`
 */
export function s3Trouble(error: unknown, bucket: string): StoreError {
  const { name, code, message, $metadata } = error as Error & {
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const where = `the store s3://${bucket} cannot be used`;
  const status = $metadata?.httpStatusCode;
  const refusal = /^Region is missing/.test(message)
    ? (['it is not said in which region it is', 'set AWS_REGION'] as const)
    : // An answer to HEAD has no code.
      (refusals[name] ?? (status === 401 || status === 403 ? denied : undefined));
  if (refusal) return new StoreError('refused', `${where}: ${refusal[0]}`, refusal[1]);
  if (status !== undefined && status < 500 && status !== 429)
    return new StoreError(
      'refused',
      `${where}: the service answers ${status} ${wordOf(name)}`,
      'check that AWS_ENDPOINT_URL_S3 names a service that speaks S3',
    );
  return new StoreError(
    'unreachable',
    `the store s3://${bucket} cannot be reached: ${status === undefined ? wordOf(code ?? name) : `the service answers ${status} ${wordOf(name)}`}`,
    'start the service, or check AWS_ENDPOINT_URL_S3',
  );
}

/** A code, and nothing that could hold a secret. */
function wordOf(text: string): string {
  return /^\w{1,60}$/.test(text) ? text : 'without saying why';
}
