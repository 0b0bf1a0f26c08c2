import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { modelOf } from '@klpkit/compare';
import { readElf } from '@klpkit/formats';
import { checkRules, convertKlp, type KernelFacts, type Placeholder, readLivepatch } from '@klpkit/livepatch';
import { checkLivepatch, type Judgement, type KernelEvidence, type LivepatchEvidence } from '../src/index.ts';
import { inCases } from './case.ts';

export { said } from './case.ts';

const run = promisify(execFile);

/**
 * Compiles a livepatch of a pitfall's cases and links it as a module is, without the kernel's own tools.
 *
 * @param folder the pitfall's folder: `import.meta.dirname`
 * @param source a file of `cases` that includes `livepatch.h`
 */
export async function livepatchCase(
  folder: string,
  source: string,
  more: Partial<LivepatchEvidence> = {},
): Promise<LivepatchEvidence> {
  return evidenceOf(await moduleCase(folder, source), more);
}

/** The bytes of a livepatch of a pitfall's cases. */
async function moduleCase(
  folder: string,
  source: string,
  { flags = [], strip }: { readonly flags?: readonly string[]; readonly strip?: string } = {},
): Promise<Uint8Array> {
  return inCases(folder, async (scratch) => {
    await run('gcc-12', ['@livepatch.flags', ...flags, '-c', source, '-o', 'case.o'], { cwd: scratch });
    await run('ld', ['-r', '-m', 'elf_x86_64', '-o', 'case.ko', 'case.o'], { cwd: scratch });
    if (strip !== undefined) await run('strip', [strip, 'case.ko'], { cwd: scratch });
    return new Uint8Array(await readFile(join(scratch, 'case.ko')));
  });
}

/** A livepatch of a pitfall's cases, with symbols taken away: `--strip-unneeded`. */
export function strippedCase(folder: string, source: string, strip: string): Promise<Uint8Array> {
  return moduleCase(folder, source, { strip });
}

/** A livepatch of a pitfall's cases with KLP relocations in place of its placeholders. */
export async function convertedCase(
  folder: string,
  source: string,
  placeholders: readonly Placeholder[],
  flags: readonly string[] = [],
): Promise<Uint8Array> {
  return convertKlp(await moduleCase(folder, source, { flags }), placeholders);
}

/** A file with one text replaced by another of the same length, wherever it is. */
export function withText(bytes: Uint8Array, from: string, to: string): Uint8Array {
  if (from.length !== to.length) throw new Error(`${from} and ${to} have different lengths`);
  const file = Buffer.from(bytes);
  for (let at = file.indexOf(from); at >= 0; at = file.indexOf(from, at + to.length))
    file.write(to, at, 'latin1');
  return new Uint8Array(file);
}

/** What is known of a module's bytes. */
export function evidenceOf(bytes: Uint8Array, more: Partial<LivepatchEvidence> = {}): LivepatchEvidence {
  const elf = readElf(bytes);
  const livepatch = readLivepatch(bytes);
  return {
    file: 'case.ko',
    bytes,
    elf,
    livepatch,
    model: modelOf(elf),
    found: checkRules(livepatch, more.kernel?.facts),
    ...more,
  };
}

/** {@link livepatchCase}, checked. */
export async function checkCase(
  folder: string,
  source: string,
  more: Partial<LivepatchEvidence> = {},
): Promise<Judgement> {
  return checkLivepatch(await livepatchCase(folder, source, more));
}

/** A kernel of a few symbols, for rules that ask about names. */
export interface SmallKernel {
  /** Names of each object in the order of sympos, with nm's letter: `{ vmlinux: ['T show', 't show'] }`. */
  readonly objects?: Readonly<Record<string, readonly string[]>>;
  readonly config?: Readonly<Record<string, string>>;
  /** Names that share an address: `[['a', 'b']]`. */
  readonly folded?: readonly (readonly string[])[];
  /** What the code of a function calls. */
  readonly calls?: Readonly<Record<string, readonly string[]>>;
  /** The shipped code of a function. */
  readonly code?: Readonly<Record<string, Uint8Array>>;
  readonly facts?: KernelFacts;
}

/** A {@link KernelEvidence} out of literal data. */
export function smallKernel({
  objects = {},
  config = {},
  folded = [],
  calls = {},
  code = {},
  facts = {},
}: SmallKernel): KernelEvidence {
  const symbolsOf = (object: string) =>
    objects[object]?.map((text, index) => ({ type: text[0], name: text.slice(2), address: index * 64 }));
  return {
    release: '6.12.117+deb12-amd64',
    facts: {
      hasObject: (object) => object in objects,
      symbolCount: (object, name) => symbolsOf(object)?.filter((symbol) => symbol.name === name).length,
      ...facts,
    },
    ...(config.CONFIG_CC_VERSION_TEXT === undefined ? {} : { compiler: config.CONFIG_CC_VERSION_TEXT }),
    config: (option) => config[option],
    symbols: (object, name) => symbolsOf(object)?.filter((symbol) => symbol.name === name),
    relatives: (object, name) =>
      (symbolsOf(object) ?? [])
        .map((symbol) => symbol.name)
        .filter((other) => other.startsWith(`${name}.`))
        .sort(),
    namesAt: (_, name) =>
      folded
        .filter((group) => group.includes(name))
        .flat()
        .filter((other) => other !== name)
        .sort(),
    code: (_, name) => code[name],
    calls: (_, name) => calls[name],
  };
}
