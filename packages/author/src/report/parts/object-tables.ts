import {
  listInstructions,
  type ObjectModel,
  type Piece,
  type Placement,
  readPlacement,
  readTables,
} from '@klpkit/compare';
import { FormatError } from '@klpkit/formats';
import { plainKlpSymbols } from '@klpkit/livepatch';
import { type Table, tableOf } from './table.ts';
import type { Cell, CodeView } from './view.ts';
import { plural } from './words.ts';

/** A cell that shows a function's code. */
export function codeCell(piece: Piece | undefined, text: string): Cell {
  return piece?.kind === 'function' ? { text, code: String(piece.id) } : text;
}

/** The code of a function of an object, relocations by name. */
export function pieceCode(model: ObjectModel, key: string): CodeView | undefined {
  const piece = /^\d+$/.test(key) ? model.pieces[Number(key)] : undefined;
  if (piece?.kind !== 'function') return undefined;
  const rows = listInstructions(model, piece, ({ name }) => name);
  return {
    title: piece.name,
    caption: `${piece.name}, ${plural(piece.size, 'byte')} of ${piece.section.name}: ${plural(rows.length, 'instruction')}, names in place of relocations`,
    rows: rows.map(({ offset, text }) => ({ kind: 'same', after: { offset, text: plainKlpSymbols(text) } })),
  };
}

/** Functions, variables, where copies are, special sections and all sections of an object. */
export function objectTables(model: ObjectModel): Table[] {
  const ofKind = (kind: Piece['kind']) => model.pieces.filter((piece) => piece.kind === kind);
  const [functions, variables] = [ofKind('function'), ofKind('object')];
  const tables: Table[] = [
    {
      id: 'functions',
      title: 'Functions',
      columns: ['Function', 'Section', 'Bytes', 'Can be traced'],
      count: functions.length,
      row: (index) => functionRow(model, functions[index]),
      text: (index) => functions[index].name,
    },
    ...placementTable(model),
    ...specialSections(model),
    {
      id: 'variables',
      title: 'Variables and constants',
      columns: ['Name', 'Section', 'Bytes'],
      count: variables.length,
      row: (index) => [variables[index].name, variables[index].section.name, String(variables[index].size)],
      text: (index) => variables[index].name,
    },
    sectionTable(model.elf.sections),
  ];
  return tables.filter(({ count }) => count > 0);
}

function functionRow(model: ObjectModel, piece: Piece): readonly Cell[] {
  const calls = model
    .referencesOf(piece)
    .filter(({ offset }) => offset < piece.start + 32)
    .flatMap(({ offset, target }) =>
      target.kind === 'external' ? [{ name: target.name, offset: offset - piece.start }] : [],
    );
  // Compilers for other machines mark the entries in a section of their own; there only the tables tell.
  const isTraceable = model.arch.isFtraceEntry({ code: model.content(piece), calls, isPatchable: false });
  const name = [piece.name, ...piece.aliases].join(' = ');
  return [
    codeCell(piece, name),
    piece.section.name,
    String(piece.size),
    isTraceable ? 'yes' : { text: 'no entry for ftrace seen', tone: 'soft' },
  ];
}

/** Every section of a file. */
export function sectionTable(sections: ObjectModel['elf']['sections']): Table {
  return tableOf(
    'sections',
    'Sections',
    ['Section', 'Bytes', 'Flags'],
    sections
      .filter(({ name }) => name !== '')
      .map(({ name, size, flags }) => [
        name,
        String(size),
        [
          (flags & 2) !== 0 && 'loaded',
          (flags & 1) !== 0 && 'written',
          (flags & 4) !== 0 && 'code',
          (flags & 0x100000) !== 0 && 'livepatch',
        ]
          .filter(Boolean)
          .join(', '),
      ]),
  );
}

function placement(model: ObjectModel): Placement | undefined {
  try {
    return readPlacement(model, {});
  } catch (error) {
    // Debug information that is damaged or of an unknown kind costs this table alone.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function placementTable(model: ObjectModel): Table[] {
  const found = placement(model);
  if (!found) return [];
  const rows = [...found.functions.values()]
    .filter(({ inlined, clones, folded }) => inlined.length > 0 || clones.length > 0 || folded.length > 0)
    .map(({ name, symbols, inlined, clones, folded }): readonly Cell[] => [
      name,
      symbols.length === 0 ? { text: 'no code of its own', tone: 'warning' } : symbols.join(', '),
      inlined.map(({ into, chain }) => [...chain, into].join(' → ')).join(', '),
      [
        ...clones.map(({ symbol, hasCode }) => (hasCode ? symbol : `${symbol} (nothing is left of it)`)),
        ...folded.map((twin) => `same code as ${twin.name}`),
      ].join(', '),
    ]);
  const hasDwarf = found.witnesses.includes('dwarf');
  const intro = `Told by ${found.witnesses.map((one) => (one === 'elf' ? 'symbols' : one === 'dwarf' ? 'debug information' : one)).join(' and ')}${hasDwarf ? '' : '; inlined copies show only with debug information (-g)'}.`;
  return [
    tableOf(
      'placement',
      'Where the compiler put functions',
      ['Function', 'Symbols', 'Copies inside', 'Clones'],
      rows,
      intro,
    ),
  ];
}

function specialSections(model: ObjectModel): Table[] {
  let entries: ReturnType<typeof readTables>['entries'];
  try {
    ({ entries } = readTables(model));
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
  const by = new Map<string, Map<string, number>>();
  for (const { section, owner } of entries) {
    const owners = by.get(section.name) ?? new Map<string, number>();
    const name = owner?.name ?? '(no function)';
    owners.set(name, (owners.get(name) ?? 0) + 1);
    by.set(section.name, owners);
  }
  const rows = [...by].map(([section, owners]) => [
    section,
    String([...owners.values()].reduce((sum, count) => sum + count, 0)),
    [...owners].map(([name, count]) => (count === 1 ? name : `${name} (${count})`)).join(', '),
  ]);
  return [
    tableOf(
      'special',
      'Special sections',
      ['Section', 'Entries', 'About'],
      rows,
      'Tables in which the compiler and the macros of the kernel describe places of the code.',
    ),
  ];
}
