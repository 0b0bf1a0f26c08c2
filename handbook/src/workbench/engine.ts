import { readObjectModel } from '@klpkit/compare';
import {
  type ElfFile,
  ET,
  FormatError,
  findSection,
  readBzImage,
  readElf,
  readModuleBytes,
} from '@klpkit/formats';
import { graphOf, objectTables, pieceCode, plural } from '../../../packages/author/src/report/parts/index.ts';
import { openKernel, type ReadKernel, readKernel } from './kernel-image.ts';
import { openModule, type ReadModule, readModule } from './livepatch.ts';
import type { Opened } from './opened.ts';
import { type NamedObject, openComparison, openUpgrade } from './pair.ts';
import { sizeText } from './protocol.ts';

/** A file with its name. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Read =
  | { readonly is: 'module'; readonly module: ReadModule }
  | { readonly is: 'object'; readonly object: NamedObject; readonly sizeBytes: number }
  | { readonly is: 'kernel'; readonly kernel: ReadKernel };

/** What stays open for the next file: a livepatch and a kernel image are held against each other whenever both are there. */
export interface Kept {
  readonly livepatch?: ReadModule;
  readonly kernel?: ReadKernel;
}

/**
 * Opens one file, or two that are to be held against each other: objects before and after, livepatches older and newer, a livepatch and the image
 * of its kernel in either order. What a file is is told by its bytes.
 *
 * @param kept what was open before
 * @throws {FormatError} for a file that is none of these, or damaged; and for two that do not go together
 */
export async function open(
  files: readonly NamedBytes[],
  kept: Kept = {},
): Promise<{ readonly opened: Opened; readonly kept: Kept }> {
  const [first, second] = await Promise.all(files.slice(0, 2).map(readNamed));
  if (first === undefined) throw new FormatError('no file was given');
  if (second === undefined) {
    const now = keptOf(first, kept);
    return now.livepatch || now.kernel
      ? { opened: openKept(now), kept: now }
      : { opened: openOne(first), kept: now };
  }
  if (first.is === 'object' && second.is === 'object')
    return { opened: openComparison(first.object, second.object), kept: {} };
  if (first.is === 'module' && second.is === 'module') {
    const isUpgrade = first.module.isLivepatch && second.module.isLivepatch;
    return {
      opened: isUpgrade
        ? openUpgrade(first.module, second.module)
        : openComparison(modelOf(first.module), modelOf(second.module)),
      kept: {},
    };
  }
  const both = keptOf(second, keptOf(first, {}));
  if (both.livepatch && both.kernel) return { opened: openKept(both), kept: both };
  throw new FormatError(
    `${files[0].name} is ${wordsFor(first)} and ${files[1].name} is ${wordsFor(second)}: open two objects, before and after, two livepatches, older and newer, or a livepatch and a kernel image`,
  );
}

/** What is open with one more file: a module that is no livepatch, or an object, stands alone. */
function keptOf(read: Read, { livepatch, kernel }: Kept): Kept {
  if (read.is === 'kernel') return { ...(livepatch ? { livepatch } : {}), kernel: read.kernel };
  if (read.is === 'module' && read.module.isLivepatch)
    return { livepatch: read.module, ...(kernel ? { kernel } : {}) };
  return {};
}

/** Shows what is kept. */
export function openKept({ livepatch, kernel }: Kept): Opened {
  if (livepatch) return openModule(livepatch, kernel);
  if (kernel) return openKernel(kernel);
  throw new FormatError('no file is open');
}

function wordsFor(read: Read): string {
  return read.is === 'module' && read.module.isLivepatch ? 'a livepatch' : words[read.is];
}

const words = { module: 'a module', object: 'an object', kernel: 'a kernel image' } as const;

function modelOf({ name, evidence: { model } }: ReadModule): NamedObject {
  if (!model) throw new FormatError(`${name}: its machine or its symbols are not understood`);
  return { name, model };
}

function openOne(read: Read): Opened {
  if (read.is === 'kernel') return openKernel(read.kernel);
  if (read.is === 'module') return openModule(read.module);
  const { name, model } = read.object;
  const functions = model.pieces.filter(({ kind }) => kind === 'function').length;
  return {
    view: {
      kind: 'object',
      title: `${name}: an object`,
      verdict: { tone: 'soft', text: 'open a second object to compare it with, as it is after a fix' },
      facts: [
        ['Machine', model.arch.name],
        ['Functions', plural(functions, 'function')],
        ['Size', sizeText(read.sizeBytes)],
      ],
    },
    tables: objectTables(model),
    code: (key) => pieceCode(model, key),
    graph: () => graphOf(model, new Set()),
  };
}

/** Errors say which file they are about. */
async function readNamed(file: NamedBytes): Promise<Read> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${file.name}: ${error.message}`);
    throw error;
  }
}

async function readFile({ name, bytes }: NamedBytes): Promise<Read> {
  if (isBootImage(bytes))
    return { is: 'kernel', kernel: readKernel(name, bytes.length, await readBzImage(bytes)) };
  // Refuses what is neither, in the words of `klpkit compare` for the compiler's own code and of `klpkit check` for everything else.
  if (isBitcode(bytes)) readObjectModel(bytes);
  const plain = await readModuleBytes(bytes);
  const elf = readElf(plain);
  if (elf.type !== ET.REL)
    return { is: 'kernel', kernel: readKernel(name, bytes.length, await readBzImage(plain)) };
  if (isModule(elf)) return { is: 'module', module: readModule(name, plain, elf) };
  return { is: 'object', object: { name, model: readObjectModel(plain) }, sizeBytes: plain.length };
}

function isModule(elf: ElfFile): boolean {
  return ['.modinfo', '.gnu.linkonce.this_module'].some((name) => findSection(elf, name) !== undefined);
}

/** LLVM's, plain or in its wrapper. */
function isBitcode(bytes: Uint8Array): boolean {
  const magic = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return magic === '4243c0de' || magic === 'dec0170b';
}

/** `HdrS` of the x86 boot protocol, at 0x202. */
function isBootImage(bytes: Uint8Array): boolean {
  return (
    bytes.length > 0x206 && [0x48, 0x64, 0x72, 0x53].every((byte, index) => bytes[0x202 + index] === byte)
  );
}
