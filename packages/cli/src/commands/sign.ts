import { basename } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit, type ExitCode } from '../exit.ts';
import { kernelFor, readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly key?: string;
  readonly cert: string;
  readonly kernel?: string;
  readonly out?: string;
  readonly verify: boolean;
  readonly again: boolean;
}

/** `klpkit sign`: signs a module as its kernel wants it, or verifies what was signed. */
export const signCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Sign a module with a key, or verify its signature',
    fullDescription: [
      "Signs by the kernel's own program, scripts/sign-file of its build tools, with the hash of its configuration; the",
      'passphrase of a key is read from KBUILD_SIGN_PIN. What came out is verified before it is written. Sign last: whatever',
      'changes the module afterwards, strip for one, makes the signature worthless. With --verify nothing is written, and',
      'the code is 1 unless the signature is one of the certificate over these very bytes.',
      '',
      'EXAMPLE',
      '  klpkit sign livepatch-fix.ko --key key.pem --cert cert.pem',
      '  klpkit sign livepatch-fix.ko --verify --cert cert.pem',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      key: {
        kind: 'parsed',
        parse: String,
        brief: 'The private key, PEM, or a pkcs11: address',
        placeholder: 'KEY.pem',
        optional: true,
      },
      cert: {
        kind: 'parsed',
        parse: String,
        brief: 'Its certificate, PEM or DER',
        placeholder: 'CERT.pem',
      },
      kernel: { ...kernelFlag, brief: 'Kernel whose program signs; else the one that the module is for' },
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'File to write; else the module itself',
        placeholder: 'OUT',
        optional: true,
      },
      verify: {
        kind: 'boolean',
        brief: 'Verify the signature that is there',
        default: false,
        withNegated: false,
      },
      again: {
        kind: 'boolean',
        brief: 'Replace a signature that is there',
        default: false,
        withNegated: false,
      },
    },
    aliases: { o: 'out' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The module', parse: String, placeholder: 'FILE.ko' }],
    },
  },
  func: action('sign', async (context, flags: Flags, path: string) => {
    if (flags.verify) return verify(context, flags, path);
    if (flags.key === undefined)
      throw new UsageError('there is no key to sign with', 'name one with --key, or verify with --verify');
    const bytes = await readUserFile(path);
    const kernel = await kernelFor(flags.kernel, bytes);
    if (!kernel)
      throw new UsageError(
        `no kernel of the cache is the one that ${basename(path)} is for`,
        'name one with --kernel',
      );
    const { signModule } = await import('@klpkit/fleet');
    const signing = { key: flags.key, cert: flags.cert, pin: context.env.KBUILD_SIGN_PIN };
    const { module, hash, certificate } = await signModule(kernel, bytes, signing, flags.again);
    const { sha256Hex, writeFileAtomic } = await import('@klpkit/host');
    const file = flags.out ?? path;
    await writeFileAtomic(file, module);
    const sha256 = sha256Hex(module);
    const { subject, fingerprint } = certificate;
    if (context.isJson) {
      const answer: Answer<'sign'> = {
        command: 'sign',
        outcome: 'signed',
        file,
        kernel: kernel.id,
        hash,
        sha256,
        certificate: { subject, fingerprint },
      };
      context.answer(answer);
    }
    context.say(`${context.paint('good', 'signed')}   ${file}, with ${hash} and the key of ${subject}`);
    context.say(`sha256   ${sha256}`);
    return Exit.done;
  }),
});

async function verify(context: Context, { key, out, cert }: Flags, path: string): Promise<ExitCode> {
  if (key !== undefined || out !== undefined)
    throw new UsageError('--verify writes nothing and needs no key', 'leave --key and --out out');
  const { readModuleBytes } = await import('@klpkit/formats');
  const { readCertificate, verifyModule } = await import('@klpkit/fleet');
  const certificate = await readCertificate(cert);
  const verification = await verifyModule(await readModuleBytes(await readUserFile(path)), certificate);
  const { subject, fingerprint } = certificate;
  const { isGood } = verification;
  const { reason, next } = isGood ? { reason: undefined, next: undefined } : verification;
  if (context.isJson) {
    const answer: Answer<'sign'> = {
      command: 'sign',
      outcome: isGood ? 'good' : 'bad',
      file: path,
      certificate: { subject, fingerprint },
      ...(reason && next ? { reason, next } : {}),
    };
    context.answer(answer);
  }
  if (isGood) context.say(`${context.paint('good', 'good')}     ${path}, signed with the key of ${subject}`);
  else {
    context.say(`${context.paint('bad', 'bad')}      ${path}: ${reason}`);
    context.say(`  next: ${next}`);
  }
  return isGood ? Exit.done : Exit.findings;
}
