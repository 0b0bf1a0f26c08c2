import { type ElfFile, readModuleInfo, splitSignature } from '@klpkit/formats';
import type { Livepatch } from '@klpkit/livepatch';
import { checkLivepatch, type Judgement, type LivepatchEvidence, readEvidence } from '@klpkit/pitfalls';
import {
  graphOf,
  importTable,
  infoTable,
  livepatchTables,
  objectTables,
  pieceCode,
  plural,
  sectionTable,
} from '../../../packages/author/src/report/parts/index.ts';
import { besideShipped, evidenceOfKernel, unanswered } from './held-against.ts';
import { codeOfFinding, judged, verdictOf } from './judged.ts';
import { kernelTables, type ReadKernel, symbolCode } from './kernel-image.ts';
import type { Opened } from './opened.ts';
import { sizeText } from './protocol.ts';

/** A module as read, livepatch or not. */
export interface ReadModule {
  readonly name: string;
  /** What the module alone shows. */
  readonly evidence: LivepatchEvidence;
  readonly isLivepatch: boolean;
}

/** Reads a module. @throws {FormatError} */
export function readModule(name: string, bytes: Uint8Array, elf: ElfFile): ReadModule {
  const evidence = readEvidence(name, bytes, elf);
  const { patch, mark, klpSections } = evidence.livepatch;
  return {
    name,
    isLivepatch: patch !== undefined || mark !== undefined || klpSections.length > 0,
    evidence,
  };
}

/** Judges a module for the page, a livepatch as far as the kernel's image answers when there is one. */
export function openModule(read: ReadModule, kernel?: ReadKernel): Opened {
  const { name, isLivepatch } = read;
  const evidence = kernel
    ? readEvidence(name, read.evidence.bytes, read.evidence.elf, {
        first: read.evidence.livepatch,
        kernel: evidenceOfKernel(kernel),
      })
    : read.evidence;
  const { livepatch, model, bytes, elf } = evidence;
  const judgement: Judgement | undefined = isLivepatch ? checkLivepatch(evidence) : undefined;
  const functions = livepatch.patch?.objects.flatMap((object) => object.functions) ?? [];
  const beside = kernel && besideShipped(kernel, livepatch, model);
  return {
    view: {
      kind: isLivepatch ? 'livepatch' : 'module',
      title: kernel
        ? `${name}: a livepatch, held against ${kernel.name}`
        : `${name}: ${isLivepatch ? 'a livepatch' : 'a module, no livepatch'}`,
      ...(kernel ? { heldAgainst: kernel.name } : {}),
      verdict: judgement
        ? verdictOf(judgement.findings, 'nothing found that speaks against it')
        : { tone: 'soft', text: 'no livepatch: nothing to judge' },
      facts: [
        ...factsOf(livepatch, bytes, elf, functions.length),
        ...(kernel
          ? ([['Held against', kernel.banner ?? `${kernel.name}, whose version is not found`]] as [
              string,
              string,
            ][])
          : []),
      ],
      ...(judgement
        ? judged(
            judgement,
            (finding) => codeOfFinding(model, finding),
            kernel ? unanswered(kernel, evidence, judgement) : [],
          )
        : {}),
    },
    tables: [
      ...(isLivepatch ? livepatchTables(evidence, beside?.keyOf) : []),
      importTable(livepatch),
      ...(model ? objectTables(model) : [sectionTable(elf.sections)]),
      infoTable(elf),
      ...(kernel
        ? kernelTables(kernel).map((table) => ({ ...table, title: `${table.title} of the kernel` }))
        : []),
    ].filter(({ count }) => count > 0),
    code: (key) =>
      beside?.code(key) ?? (kernel && symbolCode(kernel, key)) ?? (model && pieceCode(model, key)),
    ...(model
      ? {
          graph: () =>
            graphOf(
              model,
              new Set(
                functions.flatMap(({ newSymbol }) => model.named(newSymbol ?? '').map(({ name }) => name)),
              ),
            ),
        }
      : {}),
  };
}

function factsOf(
  livepatch: Livepatch,
  bytes: Uint8Array,
  elf: ElfFile,
  functions: number,
): [string, string][] {
  const { patch } = livepatch;
  const objects = patch?.objects.map((object) => (object.isVmlinux ? 'vmlinux' : object.name)) ?? [];
  const info = readModuleInfo(elf);
  return [
    ['Module', livepatch.name || 'has no name'],
    ['Made for', livepatch.vermagic ?? 'says nothing'],
    ...(patch
      ? ([
          ['Replaces', `${plural(functions, 'function')} of ${objects.join(', ') || 'no object'}`],
          [
            'Beside older livepatches',
            patch.replace ? 'takes over from all of them (replace)' : 'lies on top of them',
          ],
        ] as [string, string][])
      : []),
    ['Licence', livepatch.license ?? 'none'],
    ['Needs modules', info.get('depends') || 'none'],
    ['Signature', splitSignature(bytes).signature ? 'there is one; it is not verified here' : 'none'],
    ['Size', sizeText(bytes.length)],
  ];
}
