import { readObjectModel } from '@klpkit/compare';
import {
  detectCompression,
  type ElfFile,
  ET,
  FormatError,
  findSection,
  readBzImage,
  readElf,
  readModuleBytes,
} from '@klpkit/formats';
import { graphOf } from './graph.ts';
import { openImage } from './kernel-image.ts';
import { openModule, type ReadModule, readModule } from './livepatch.ts';
import { objectTables, pieceCode } from './object-tables.ts';
import { type Opened, plural } from './opened.ts';
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
  | { readonly is: 'kernel'; readonly opened: Opened };

/**
 * Opens one file, or two that are to be held against each other: objects before and after, livepatches older and newer. What a file is
 * is told by its bytes.
 *
 * @throws {FormatError} for a file that is none of these, or damaged; and for two that do not go together
 */
export async function open(files: readonly NamedBytes[]): Promise<Opened> {
  const [first, second] = await Promise.all(files.slice(0, 2).map(readNamed));
  if (first === undefined) throw new FormatError('no file was given');
  if (second === undefined) return openOne(first);
  if (first.is === 'object' && second.is === 'object') return openComparison(first.object, second.object);
  if (first.is === 'module' && second.is === 'module') {
    if (first.module.isLivepatch && second.module.isLivepatch)
      return openUpgrade(first.module, second.module);
    return openComparison(modelOf(first.module), modelOf(second.module));
  }
  throw new FormatError(
    `${files[0].name} is ${words[first.is]} and ${files[1].name} is ${words[second.is]}: open two objects, before and after, or two livepatches, older and newer`,
  );
}

const words = { module: 'a module', object: 'an object', kernel: 'a kernel image' } as const;

function modelOf({ name, evidence: { model } }: ReadModule): NamedObject {
  if (!model) throw new FormatError(`${name}: its machine or its symbols are not understood`);
  return { name, model };
}

function openOne(read: Read): Opened {
  if (read.is === 'kernel') return read.opened;
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
  if (bytes.length === 0) throw new FormatError('the file is empty');
  if (isBootImage(bytes))
    return { is: 'kernel', opened: openImage(name, bytes.length, await readBzImage(bytes)) };
  if (!isElf(bytes) && detectCompression(bytes) === undefined)
    throw new FormatError(
      `expected a module, an object or a kernel image; it begins with ${[...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`,
    );
  const plain = await readModuleBytes(bytes);
  const elf = readElf(plain);
  if (elf.type !== ET.REL)
    return { is: 'kernel', opened: openImage(name, bytes.length, await readBzImage(plain)) };
  if (isModule(elf)) return { is: 'module', module: readModule(name, plain, elf) };
  return { is: 'object', object: { name, model: readObjectModel(plain) }, sizeBytes: plain.length };
}

function isModule(elf: ElfFile): boolean {
  return ['.modinfo', '.gnu.linkonce.this_module'].some((name) => findSection(elf, name) !== undefined);
}

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** `HdrS` of the x86 boot protocol, at 0x202. */
function isBootImage(bytes: Uint8Array): boolean {
  return (
    bytes.length > 0x206 && [0x48, 0x64, 0x72, 0x53].every((byte, index) => bytes[0x202 + index] === byte)
  );
}
