import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { modelOf } from '@klpkit/compare';
import { readElf } from '@klpkit/formats';
import { checkRules, type KernelFacts, readLivepatch } from '@klpkit/livepatch';
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
  return inCases(folder, async (scratch) => {
    await run('gcc-12', ['@livepatch.flags', '-c', source, '-o', 'case.o'], { cwd: scratch });
    await run('ld', ['-r', '-m', 'elf_x86_64', '-o', 'case.ko', 'case.o'], { cwd: scratch });
    return evidenceOf(new Uint8Array(await readFile(join(scratch, 'case.ko'))), more);
  });
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
  readonly facts?: KernelFacts;
}

/** A {@link KernelEvidence} out of literal data. */
export function smallKernel({
  objects = {},
  config = {},
  folded = [],
  calls = {},
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
    code: () => undefined,
    calls: (_, name) => calls[name],
  };
}
