import type { ObjectModel } from '@klpkit/compare';
import { type ElfFile, readModuleInfo } from '@klpkit/formats';
import { explainRelocations, type Livepatch } from '@klpkit/livepatch';
import { type LivepatchEvidence, shadowUses } from '@klpkit/pitfalls';
import { codeCell } from './object-tables.ts';
import { type Table, tableOf } from './table.ts';
import type { Cell } from './view.ts';
import { hex } from './words.ts';

/**
 * What a livepatch replaces, its callbacks, states, shadow variables and KLP relocations.
 *
 * @param beside key of the code of a replaced function beside that of its replacement, where both are known
 */
export function livepatchTables(
  { bytes, livepatch, model }: Pick<LivepatchEvidence, 'bytes' | 'livepatch' | 'model'>,
  beside: (object: string, name: string, sympos: number) => string | undefined = () => undefined,
): Table[] {
  const pieceOf = (symbol: string | undefined) =>
    symbol === undefined ? undefined : model?.named(symbol)[0];
  const objects = livepatch.patch?.objects ?? [];
  const objectName = (object: (typeof objects)[number]) => (object.isVmlinux ? 'vmlinux' : object.name);
  const functions = objects.flatMap((object) =>
    object.functions.map(({ oldName, sympos, newSymbol, hasNew }): readonly Cell[] => {
      const piece = pieceOf(newSymbol);
      const both = beside(objectName(object), oldName, sympos);
      return [
        objectName(object),
        oldName
          ? both === undefined
            ? oldName
            : { text: oldName, code: both }
          : { text: 'no name', tone: 'bad' },
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

/** The exports that a module uses, with the checksums that it was built with. */
export function importTable({ undefinedSymbols, versions }: Livepatch): Table {
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

/** What modinfo shows of a module. */
export function infoTable(elf: ElfFile): Table {
  return tableOf(
    'modinfo',
    'What modinfo shows',
    ['Field', 'Value'],
    readModuleInfo(elf).entries.map(({ key, value }) => [key, value]),
  );
}
