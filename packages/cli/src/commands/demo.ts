import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCommand } from '@stricli/core';
import { sayStep, writeBuild } from '../build-files.ts';
import { action, type Context, jsonFlag } from '../context.ts';
import { demoLine, demoPatchFor, demoSource } from '../demo-fix.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { secondsText } from '../progress.ts';
import type { Answer } from '../schemas.ts';
import { livepatchFile, proveAndTell } from './prove.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel: string;
  readonly out: string;
}

const check = 'cat /proc/version';

/** `klpkit demo`: the whole path with a small fix of our own. */
export const demoCommand = buildCommand<Flags, [], Context>({
  docs: {
    brief: 'Go the whole path with a small fix: kernel, patch, livepatch, proof',
    fullDescription: [
      "Fetches Debian's current 6.12 kernel, writes a fix that adds a line to /proc/version, builds a livepatch from it and",
      'proves it in QEMU, telling at each step what it does and why. Everything is kept in the folder klpkit-demo.',
      '',
      'EXAMPLE',
      '  klpkit demo',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: {
        kind: 'parsed',
        parse: String,
        brief: 'Kernel to patch',
        placeholder: 'KERNEL',
        default: 'debian:6.12',
      },
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder for the files',
        placeholder: 'DIR',
        default: 'klpkit-demo',
      },
    },
    aliases: { k: 'kernel', o: 'out' },
  },
  func: action('demo', async (context, flags: Flags) => {
    const since = performance.now();
    const step = (number: number, title: string, why: string, command: string) => {
      context.say(`${number === 1 ? '' : '\n'}${context.paint('heading', `${number}. ${title}`)}`);
      context.say(context.paint('dim', `   ${why}`));
      context.say(`   $ ${context.paint('name', command)}`);
    };

    step(
      1,
      'The kernel, as Debian ships it',
      'Its packages are unpacked into a cache; nothing is installed, and no kernel is built.',
      `klpkit kernel add ${flags.kernel}`,
    );
    const { addKernel, openKernel } = await import('@klpkit/kernel');
    const kernel = flags.kernel.startsWith('debian:')
      ? await addKernel(flags.kernel, { onProgress: context.progress.report, signal: context.signal })
      : await openKernel(flags.kernel);
    context.progress.end();
    context.say(`${kernel.id}, built by ${kernel.compilerVersion}`);

    await mkdir(flags.out, { recursive: true });
    const patchPath = join(flags.out, 'fix.patch');
    step(
      2,
      'The fix, an ordinary patch',
      `It adds a line to /proc/version, made from ${demoSource} of this very kernel.`,
      `cat ${patchPath}`,
    );
    const { writeFileAtomic } = await import('@klpkit/host');
    const patch = await demoPatchFor(kernel);
    await writeFileAtomic(patchPath, patch);
    for (const line of patch.trimEnd().split('\n'))
      context.say(line.startsWith('+') && !line.startsWith('+++') ? context.paint('good', line) : line);

    step(
      3,
      'The livepatch',
      'Before and after are compiled; before must be the shipped code to the byte; what changed is cut out.',
      `klpkit build ${patchPath} --kernel ${kernel.id} --name demo -o ${flags.out}`,
    );
    const { buildLivepatch } = await import('@klpkit/author/build');
    const built = await buildLivepatch(kernel, [{ name: patchPath, text: patch }], {
      name: 'livepatch_demo',
      onStep: (done) => sayStep(context, done),
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    for (const finding of built.findings) context.say(findingText(context, finding, context.process.stdout));
    if (built.outcome === 'nothing') return Exit.nothing;
    const files = await writeBuild(built, flags.out, 'livepatch-demo');

    step(
      4,
      'The proof, on the shipped kernel in QEMU',
      'Load, transition, check, revert, unload; whatever the kernel says meanwhile that is wrong fails it.',
      `klpkit prove ${files.module} --kernel ${kernel.id} --check '${check}' --expect-after '${demoLine}'`,
    );
    const transcript = join(flags.out, 'livepatch-demo.transcript.txt');
    const livepatch = await livepatchFile(files.module, [
      {
        command: check,
        expectBefore: /^Linux version [^\n]*\s*$/,
        expectPatched: demoLine,
        expectReverted: /^Linux version [^\n]*\s*$/,
      },
    ]);
    const proof = await proveAndTell(context, kernel, [livepatch], { accel: 'auto', transcript });

    const isProven = proof.verdict === 'proven';
    const ms = performance.now() - since;
    if (context.isJson) {
      const result = proof.livepatches[0]?.passes[0]?.checks[0];
      const answer: Answer<'demo'> = {
        command: 'demo',
        outcome: isProven ? 'proven' : 'not-proven',
        kernel: kernel.id,
        files: { patch: patchPath, ...files, transcript },
        check: {
          command: check,
          ...(result?.before ? { before: result.before.text } : {}),
          ...(result?.patched ? { patched: result.patched.text } : {}),
          ...(result?.reverted ? { reverted: result.reverted.text } : {}),
        },
        seconds: ms / 1000,
      };
      context.answer(answer);
    }
    context.say(`\n${context.paint('heading', 'What there is now')}`);
    context.say(`  the fix         ${patchPath}`);
    context.say(`  the livepatch   ${files.module}`);
    context.say(`  its report      ${files.page} (open it in a browser), ${files.report}`);
    context.say(`  the transcript  ${transcript}`);
    const verdict = isProven ? context.paint('good', 'proven') : context.paint('bad', 'not proven');
    context.say(`\n${verdict}, ${secondsText(ms)} in all`);
    if (isProven) context.say(`next: npm run klpkit -- build YOUR.patch --kernel ${kernel.id}`);
    return isProven ? Exit.done : Exit.findings;
  }),
});
