import { basename } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { chooseKernel, readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly manifest?: string;
  readonly out?: string;
}

/** Most symbols of one kind that are listed. */
const mostListed = 12;

/** `klpkit convert`: KLP relocations for any livepatch module. */
export const convertCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Let a livepatch module refer to symbols that the kernel does not export',
    fullDescription: [
      'Turns references to unexported symbols into KLP relocations, which the livepatch core resolves. What a name stands for',
      'is said by a manifest (symbols of klpkit.json), by annotations in the object (KLP_RELOC_SYMBOL, KLP_MODULE_RELOC of',
      'the klp-convert series), or is plain where vmlinux, the patched modules and what they depend on have one such symbol.',
      '',
      'A .o is finished by the objtool and modpost of the kernel. A .ko that was linked with KBUILD_MODPOST_WARN=1 gets its',
      'relocations moved. Nothing is written when anything is wrong. It must be the last step: strip damages the result.',
      '',
      'EXAMPLE',
      '  klpkit convert livepatch-fix.o --kernel debian:6.12 --manifest klpkit.json -o livepatch-fix.ko',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      manifest: {
        kind: 'parsed',
        parse: String,
        brief: 'Says of names in the module which symbols of the kernel they are',
        placeholder: 'klpkit.json',
        optional: true,
      },
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'File to write; else the name with .ko for .o, with .klp.ko for .ko',
        placeholder: 'OUT.ko',
        optional: true,
      },
    },
    aliases: { k: 'kernel', m: 'manifest', o: 'out' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The module, linked or not', parse: String, placeholder: 'IN.o|IN.ko' }],
    },
  },
  func: action('convert', async (context, flags: Flags, path: string) => {
    const bytes = await readUserFile(path);
    const { convertModule, readManifest } = await import('@klpkit/author');
    const manifest =
      flags.manifest === undefined
        ? undefined
        : readManifest(
            new TextDecoder().decode(await readUserFile(flags.manifest)),
            basename(flags.manifest),
          );
    const out = flags.out ?? outputFor(path);
    const kernel = await chooseKernel(flags.kernel);
    const converted = await convertModule(kernel, basename(path), bytes, {
      manifest,
      ...(flags.manifest === undefined ? {} : { manifestName: basename(flags.manifest) }),
      signal: context.signal,
    });
    const { writeFileAtomic } = await import('@klpkit/host');
    await writeFileAtomic(out, converted.module);
    const { name, conversions, exports, livepatch, findings } = converted;
    if (context.isJson) {
      const json: Answer<'convert'> = {
        command: 'convert',
        outcome: 'converted',
        kernel: kernel.id,
        name,
        file: out,
        objects: (livepatch.patch?.objects ?? []).map((object) => ({
          name: object.name,
          functions: object.functions.map(({ oldName, sympos }) => ({ name: oldName, sympos })),
        })),
        symbols: conversions.map((one) => ({
          symbol: one.symbol,
          object: one.object,
          name: one.name,
          sympos: one.sympos,
          patched: one.patched,
          how: one.how,
          uses: one.uses,
        })),
        exports,
        findings,
      };
      context.answer(json);
    }
    const { symbolWords } = await import('@klpkit/livepatch');
    for (const [how, words] of [
      ['manifest', 'by the manifest'],
      ['annotation', 'by annotation'],
      ['inferred', 'by name alone, which is unique'],
    ] as const) {
      const own = conversions.filter((one) => one.how === how);
      if (own.length === 0) continue;
      context.say(
        context.paint('heading', `${own.length === 1 ? '1 symbol' : `${own.length} symbols`} ${words}`),
      );
      for (const one of own.slice(0, mostListed)) {
        const uses = one.uses === 1 ? '1 relocation' : `${one.uses} relocations`;
        const other = one.patched !== one.object ? `, resolved with ${one.patched}` : '';
        context.say(
          `  ${context.paint('name', one.symbol)}: ${symbolWords(one.object, one.name, one.sympos)}${other}, ${uses}`,
        );
      }
      if (own.length > mostListed) context.say(`  and ${own.length - mostListed} more (--json lists all)`);
    }
    for (const finding of findings)
      if (finding.severity === 'warning') context.say(findingText(context, finding, context.process.stdout));
    context.say(`${context.paint('good', 'converted')}  ${out}`);
    context.say(`next       klpkit prove ${out} --kernel ${kernel.id} --check 'COMMAND that shows the fix'`);
    return Exit.done;
  }),
});

function outputFor(path: string): string {
  if (path.endsWith('.o')) return path.replace(/\.o$/, '.ko');
  if (path.endsWith('.ko')) return path.replace(/\.ko$/, '.klp.ko');
  throw new UsageError(`${path} ends neither in .o nor in .ko`, 'name the file to write with -o');
}
