import {
  align,
  type Comparison,
  compareObjects,
  compareTypes,
  enumFinding,
  type FunctionChange,
  layoutFinding,
  listInstructions,
  type ObjectModel,
  obstacles,
  readPlacement,
  typesOfObjects,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { ShadowUse } from '@klpkit/livepatch';
import { assessUnit, judgeUpgrade, type UnitEvidence } from '@klpkit/pitfalls';
import {
  type Cell,
  type CodeView,
  graphOf,
  hex,
  objectTables,
  pieceCode,
  plural,
  type Tone,
  tableOf,
} from '../../../packages/author/src/report/parts/index.ts';
import { judged, verdictOf } from './judged.ts';
import type { ReadModule } from './livepatch.ts';
import type { Opened } from './opened.ts';

/** An object with the name of its file. */
export interface NamedObject {
  readonly name: string;
  readonly model: ObjectModel;
}

/** Compares two objects, before and after. @throws {FormatError} */
export function openComparison(before: NamedObject, after: NamedObject): Opened {
  const comparison = compareObjects(before.model, after.model);
  const types = typesOfObjects(before.model.elf, after.model.elf);
  const found = [...comparison.findings, ...typeFindings(types), ...obstacles(comparison)];
  const unit: UnitEvidence = {
    unit: before.name,
    object: 'vmlinux',
    comparison,
    placement: { before: readPlacement(before.model, {}), after: readPlacement(after.model, {}) },
    ...(types ? { types } : {}),
    found,
  };
  const judgement = assessUnit(unit);
  const touched = comparison.functions.filter(({ status }) => status !== 'same');
  const same = comparison.functions.length - touched.length;
  const isSame = touched.length === 0 && comparison.data.length === 0;
  const verdict = verdictOf(judgement.findings, 'nothing stands in the way of a livepatch');
  return {
    view: {
      kind: 'comparison',
      title: `${before.name} and ${after.name}, compared`,
      verdict: isSame
        ? { tone: 'soft', text: 'nothing that a livepatch could carry has changed' }
        : { ...verdict, text: `${plural(touched.length, 'function')} changed, new or gone; ${verdict.text}` },
      facts: [
        ['Before', before.name],
        ['After', after.name],
        ['Machine', before.model.arch.name],
        ['Functions', `${touched.length} differ, ${same} are the same`],
        ['Data', comparison.data.length === 0 ? 'the same' : `${comparison.data.length} differ`],
      ],
      ...judged(judgement),
    },
    tables: [
      tableOf(
        'changes',
        'Functions that differ',
        ['Function', 'What', 'Bytes', 'First difference'],
        touched.map((change, index) => changeRow(change, index)),
      ),
      tableOf(
        'data',
        'Data that differs',
        ['Name', 'What', 'Section'],
        comparison.data.map(({ name, status, before, after }) => [
          name,
          status,
          (after ?? before)?.section.name ?? '',
        ]),
      ),
      ...objectTables(after.model).map((table) => ({ ...table, title: `${table.title} (after)` })),
    ].filter(({ count }) => count > 0),
    code: (key) => changeCode(comparison, touched, key) ?? pieceCode(after.model, key),
    graph: () => graphOf(after.model, new Set(touched.map(({ name, after }) => after?.name ?? name))),
  };
}

function typeFindings(types: ReturnType<typeof typesOfObjects>): Finding[] {
  if (!types) return [];
  const { layouts, enums } = compareTypes(types.before, types.after);
  return [...layouts.map((change) => layoutFinding(change)), ...enums.map((change) => enumFinding(change))];
}

const tones: Readonly<Record<FunctionChange['status'], Tone>> = {
  same: 'soft',
  changed: 'warning',
  new: 'good',
  removed: 'bad',
};

function changeRow(
  { name, status, before, after, difference }: FunctionChange,
  index: number,
): readonly Cell[] {
  return [
    { text: name, code: `change-${index}` },
    { text: status, tone: tones[status] },
    before && after ? `${before.size} → ${after.size}` : String((before ?? after)?.size ?? ''),
    difference
      ? `${difference.kind} at +${hex(difference.offset)}: ${difference.before} became ${difference.after}`
      : '',
  ];
}

function changeCode(
  { before: old, after: now, correlation }: Comparison,
  touched: readonly FunctionChange[],
  key: string,
): CodeView | undefined {
  const change = key.startsWith('change-') ? touched[Number(key.slice('change-'.length))] : undefined;
  if (!change) return undefined;
  const b = change.before ? listInstructions(old, change.before, ({ name }) => name) : [];
  const a = change.after
    ? listInstructions(now, change.after, (piece) => correlation.beforeOf(piece)?.name ?? piece.name)
    : [];
  const rows = align(b, a).map(({ kind, before, after }) => ({
    kind,
    ...(before === undefined ? {} : { before: { offset: b[before].offset, text: b[before].text } }),
    ...(after === undefined ? {} : { after: { offset: a[after].offset, text: a[after].text } }),
  }));
  const differing = rows.filter(({ kind }) => kind !== 'same').length;
  return {
    title: change.name,
    caption: `${change.name}, before and after: ${differing === 0 ? 'every row is equal' : `${differing} of ${plural(rows.length, 'row')} differ`}`,
    rows,
  };
}

const whose = { newer: 'the newer', older: 'the older', kernel: "the kernel's own" } as const;
const callbackRuns = {
  ran: 'has run',
  now: 'runs now',
  'when-disabled': 'runs when its livepatch is disabled',
  never: 'never runs',
} as const;

/** Says what the kernel makes of a livepatch that follows another. */
export function openUpgrade(older: ReadModule, newer: ReadModule): Opened {
  const upgrade = judgeUpgrade(older.evidence, newer.evidence);
  const { findings, unchecked, downgrade } = upgrade;
  const outcomes = {
    replaces: `${newer.name} replaces ${older.name}`,
    stacks: `${newer.name} is enabled on top of ${older.name}`,
    refused: `the kernel does not enable ${newer.name} while ${older.name} is enabled`,
  } as const;
  const version = (which: number | undefined) => (which === undefined ? 'none' : String(which));
  return {
    view: {
      kind: 'upgrade',
      title: `${newer.name} after ${older.name}`,
      verdict: {
        tone: upgrade.outcome === 'refused' ? 'bad' : verdictOf(findings, '').tone,
        text: `${outcomes[upgrade.outcome]}; ${verdictOf(findings, 'nothing found that speaks against it').text}`,
      },
      facts: [
        ['Enabled now', `${older.name} (${upgrade.older || 'no name'})`],
        ['To follow', `${newer.name} (${upgrade.newer || 'no name'})`],
        [
          'And back',
          `${downgrade.what}${downgrade.findings.length === 0 ? '' : ` (${verdictOf(downgrade.findings, '').text})`}`,
        ],
        ['Objects', upgrade.objects.map(({ name, change }) => `${name} (${change})`).join(', ')],
      ],
      ...judged({ findings, unchecked }),
    },
    tables: [
      tableOf(
        'functions',
        'Whose code runs afterwards',
        ['Object', 'Function', 'In the newer one', 'Then runs'],
        upgrade.functions.map(({ object, name, sympos, change, runs }) => [
          object,
          sympos > 0 ? `${name}, number ${sympos} of its name` : name,
          change,
          whose[runs],
        ]),
      ),
      tableOf(
        'states',
        'System states',
        ['State', 'Older', 'Newer', 'The kernel'],
        upgrade.states.map(({ id, older, newer, isCompatible }) => [
          hex(id),
          version(older),
          version(newer),
          isCompatible ? 'accepts it' : { text: 'refuses the newer one', tone: 'bad' },
        ]),
      ),
      tableOf(
        'callbacks',
        'Callbacks',
        ['Of', 'Object', 'Callback', 'When'],
        upgrade.callbacks.map(({ of, object, name, runs }) => [
          `the ${of}`,
          object,
          name,
          { text: callbackRuns[runs], ...(runs === 'never' ? { tone: 'warning' as const } : {}) },
        ]),
      ),
      tableOf(
        'shadows',
        'Shadow variables',
        ['Id', 'Older', 'Newer'],
        upgrade.shadows.map(({ id, older, newer }) => [
          `0x${id.toString(16)}`,
          useText(older),
          useText(newer),
        ]),
      ),
    ].filter(({ count }) => count > 0),
    code: () => undefined,
  };
}

function useText(use: ShadowUse | undefined): string {
  if (!use) return 'does not use it';
  const does = [use.allocates && 'makes', use.reads && 'reads', use.frees && 'frees']
    .filter(Boolean)
    .join(', ');
  return use.sizes.length === 0 ? does : `${does}; ${use.sizes.join(', ')} bytes`;
}
