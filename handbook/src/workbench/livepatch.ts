import { modelOf, type ObjectModel } from '@klpkit/compare';
import { type ElfFile, FormatError, readModuleInfo, splitSignature } from '@klpkit/formats';
import { checkRules, explainRelocations, type Livepatch, readLivepatch } from '@klpkit/livepatch';
import { checkLivepatch, type Judgement, type LivepatchEvidence, shadowUses } from '@klpkit/pitfalls';
import { graphOf } from './graph.ts';
import { codeOfFinding, judged, verdictOf } from './judged.ts';
import { codeCell, objectTables, pieceCode, sectionTable } from './object-tables.ts';
import { hex, type Opened, plural } from './opened.ts';
import { type Cell, sizeText } from './protocol.ts';
import { type Table, tableOf } from './table.ts';

/** A module as read, livepatch or not. */
export interface ReadModule {
  readonly name: string;
  readonly evidence: LivepatchEvidence;
  readonly isLivepatch: boolean;
}

/** Reads a module. @throws {FormatError} */
export function readModule(name: string, bytes: Uint8Array, elf: ElfFile): ReadModule {
  const livepatch = readLivepatch(bytes);
  const model = modelIfReadable(elf);
  return {
    name,
    isLivepatch:
      livepatch.patch !== undefined || livepatch.mark !== undefined || livepatch.klpSections.length > 0,
    evidence: {
      file: name,
      bytes,
      elf,
      livepatch,
      ...(model ? { model } : {}),
      found: checkRules(livepatch),
    },
  };
}

function modelIfReadable(elf: ElfFile): ObjectModel | undefined {
  try {
    return modelOf(elf);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Reads and judges a module for the page. */
export function openModule(read: ReadModule): Opened {
  const { name, isLivepatch, evidence } = read;
  const { livepatch, model, bytes, elf } = evidence;
  const judgement: Judgement | undefined = isLivepatch ? checkLivepatch(evidence) : undefined;
  const functions = livepatch.patch?.objects.flatMap((object) => object.functions) ?? [];
  return {
    view: {
      kind: isLivepatch ? 'livepatch' : 'module',
      title: `${name}: ${isLivepatch ? 'a livepatch' : 'a module, no livepatch'}`,
      verdict: judgement
        ? verdictOf(judgement.findings, 'nothing found that speaks against it')
        : { tone: 'soft', text: 'no livepatch: nothing to judge' },
      facts: factsOf(livepatch, bytes, elf, functions.length),
      ...(judgement ? judged(judgement, (finding) => codeOfFinding(model, finding)) : {}),
    },
    tables: [
      ...(isLivepatch ? livepatchTables(evidence) : []),
      importTable(livepatch),
      ...(model ? objectTables(model) : [sectionTable(elf.sections)]),
      infoTable(elf),
    ].filter(({ count }) => count > 0),
    code: (key) => model && pieceCode(model, key),
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

function livepatchTables({ bytes, livepatch, model }: LivepatchEvidence): Table[] {
  const pieceOf = (symbol: string | undefined) =>
    symbol === undefined ? undefined : model?.named(symbol)[0];
  const objects = livepatch.patch?.objects ?? [];
  const objectName = (object: (typeof objects)[number]) => (object.isVmlinux ? 'vmlinux' : object.name);
  const functions = objects.flatMap((object) =>
    object.functions.map(({ oldName, sympos, newSymbol, hasNew }): readonly Cell[] => {
      const piece = pieceOf(newSymbol);
      return [
        objectName(object),
        oldName || { text: 'no name', tone: 'bad' },
        sympos === 0 ? 'the only one of its name' : `number ${sympos} of its name`,
        newSymbol === undefined
          ? { text: hasNew ? 'code without a symbol' : 'nothing', tone: hasNew ? 'soft' : 'bad' }
          : codeCell(piece, newSymbol),
        piece ? String(piece.size) : '',
      ];
    }),
  );
  const callbacks = objects.flatMap((object) =>
    [...object.callbacks].map(([callback, symbol]): readonly Cell[] => [
      objectName(object),
      callback,
      codeCell(pieceOf(symbol), symbol),
    ]),
  );
  return [
    tableOf(
      'patched',
      'Functions that it replaces',
      ['Object', 'Function', 'Which', 'New code', 'Bytes'],
      functions,
    ),
    tableOf('callbacks', 'Callbacks', ['Object', 'Callback', 'Function'], callbacks),
    tableOf(
      'states',
      'System states',
      ['State', 'Version'],
      (livepatch.patch?.states ?? []).map(({ id, version }) => [hex(id), String(version)]),
    ),
    tableOf(
      'shadows',
      'Shadow variables',
      ['Id', 'Bytes', 'What it does'],
      (model ? shadowUses(model) : []).map(({ id, sizes, allocates, reads, frees }) => [
        `0x${id.toString(16)}`,
        sizes.join(', ') || 'not known',
        [allocates && 'makes', reads && 'reads', frees && 'frees'].filter(Boolean).join(', '),
      ]),
    ),
    relocationTable(bytes, livepatch, model),
  ];
}

function relocationTable(bytes: Uint8Array, livepatch: Livepatch, model: ObjectModel | undefined): Table {
  const explained = livepatch.klpRelocations.length > 0 ? explainRelocations(bytes, livepatch) : [];
  return {
    id: 'relocations',
    title: 'KLP relocations in words',
    intro:
      'What the livepatch refers to and no module may: the livepatch core resolves each by object, name and position.',
    columns: ['From', 'Does what', 'To', 'When', 'Type'],
    count: explained.length,
    row: (index) => {
      const { relocation, user, offset, use, symbol, when } = explained[index];
      return [
        codeCell(model?.named(user)[0], `${user}+${hex(offset)}`),
        { call: 'calls', jump: 'jumps to', refer: 'refers to' }[use],
        symbol,
        when,
        relocation.typeName,
      ];
    },
    text: (index) => explained[index].words,
  };
}

function importTable({ undefinedSymbols, versions }: Livepatch): Table {
  return tableOf(
    'imports',
    'Exports that it uses',
    ['Symbol', 'Checksum'],
    undefinedSymbols
      .filter(({ name }) => !name.startsWith('.klp.sym.'))
      .map(({ name, weak }) => [
        weak ? `${name} (weak: nothing happens when it is missing)` : name,
        versions.has(name)
          ? `0x${(versions.get(name) ?? 0).toString(16).padStart(8, '0')}`
          : { text: 'none', tone: 'soft' },
      ]),
  );
}

function infoTable(elf: ElfFile): Table {
  return tableOf(
    'modinfo',
    'What modinfo shows',
    ['Field', 'Value'],
    readModuleInfo(elf).entries.map(({ key, value }) => [key, value]),
  );
}
