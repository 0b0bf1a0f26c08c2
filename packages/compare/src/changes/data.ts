import type { Finding } from '@klpkit/findings';
import { type Section, STB } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { isFreshPiece } from './names.ts';
import { compareRegistration } from './registration.ts';
import { describe, type Sides, sameContent } from './same.ts';
import type { DataChange } from './types.ts';

/** Compares variables, constants and registration sections. */
export function compareData(sides: Sides): { changes: DataChange[]; findings: Finding[] } {
  const changes: DataChange[] = [];
  const findings: Finding[] = [];
  const { before, after, correlation } = sides;
  for (const a of after.pieces) {
    if (a.kind !== 'object' || isFreshPiece(a)) continue;
    const kind = after.kindOf(a.section);
    if (kind === 'ignored' || kind === 'registration' || kind === 'table' || kind === 'objtool') continue;
    // Named content of a mergeable section (clang) is compared where it is used, as unnamed content is.
    if (kind === 'strings' || kind === 'constants') continue;
    const b = correlation.beforeOf(a);
    if (!b) {
      changes.push({ name: a.name, status: 'new', after: a });
      continue;
    }
    const finding = comparePair(sides, b, a);
    if (!finding) continue;
    changes.push({ name: a.name, status: 'changed', before: b, after: a });
    findings.push(finding);
  }
  for (const b of before.pieces) {
    if (b.kind !== 'object' || isFreshPiece(b) || correlation.afterOf(b)) continue;
    const kind = before.kindOf(b.section);
    if (kind === 'data' || kind === 'bss' || kind === 'rodata')
      changes.push({ name: b.name, status: 'removed', before: b });
  }
  findings.push(...compareRegistration(sides));
  return { changes, findings };
}

function comparePair(sides: Sides, b: Piece, a: Piece): Finding | undefined {
  const was = sides.before.kindOf(b.section);
  const is = sides.after.kindOf(a.section);
  const at = { symbol: a.name, section: a.section.name };
  // A variable moves between .bss and .data when its initial value becomes or stops being zero; that is no other shape.
  const storage =
    new Set([was, is, 'data', 'bss']).size === 2 && storageClass(b.section) === storageClass(a.section);
  const samePlace = storage || (was === is && sectionClass(b.section) === sectionClass(a.section));
  const grown = samePlace && ownAlignment(sides.before, b) < ownAlignment(sides.after, a);
  // A constant table that grows or shrinks has other content, whatever its shape.
  const isTable = was === is && samePlace && !grown && (is === 'rodata' || is === 'init');
  if (!isTable && (b.size !== a.size || !samePlace || grown)) {
    const shape = (model: ObjectModel, piece: Piece) =>
      `${piece.size} bytes in ${piece.section.name}${grown ? `, aligned to ${ownAlignment(model, piece)}` : ''}`;
    return {
      id: 'KLP502',
      severity: 'error',
      what: `the variable ${a.name} changes its shape: ${shape(sides.before, b)} before, ${shape(sides.after, a)} after`,
      why: `the running kernel has the variable in its old shape, and code that stays unpatched uses it so${usedBy(sides, b)}`,
      next: 'leave the variable as it is and put the new part in a variable of its own, or in a shadow variable',
      at,
    };
  }
  if ((was === 'bss' && is === 'bss') || sameContent(sides, b, a)) return undefined;
  const where =
    b.size === a.size ? firstDataDifference(sides, b, a) : `: ${b.size} bytes before, ${a.size} after`;
  if (is === 'init')
    return {
      id: 'KLP407',
      severity: 'error',
      what: `the initial data ${a.name} changes${where}`,
      why: 'it is used while the kernel boots or the module loads, which has happened, and its memory is freed afterwards',
      next: 'redo the effect in a pre_patch or post_patch callback, or leave this part out of the livepatch',
      at,
    };
  if (is === 'rodata')
    return {
      id: 'KLP503',
      severity: 'error',
      what: `the constant ${a.name} changes its content${where}`,
      why: `a livepatch replaces functions; the running kernel keeps the constant that it has, and others point to it${usedBy(sides, b)}`,
      next: 'patch the functions that read it (or that its pointers lead to) instead, or leave this part out of the livepatch',
      at,
    };
  return {
    id: 'KLP501',
    severity: 'error',
    what: `the variable ${a.name} changes its initial value${where}`,
    why: `the running kernel initialised the variable long ago; a new initial value never reaches it${usedBy(sides, b)}`,
    next: 'set the new value in a pre_patch or post_patch callback, or leave this part out of the livepatch',
    at,
  };
}

/** Who refers to a variable in the unfixed unit, as the end of a sentence; a global one may be used elsewhere too. */
function usedBy({ before }: Sides, variable: Piece): string {
  const names = before.pieces
    .filter((piece) => piece !== variable && refersTo(before, piece, variable))
    .map(({ name }) => name)
    .sort();
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
  const elsewhere = variable.binding === STB.LOCAL ? '' : 'whatever other unit names it';
  const users = [shown, elsewhere].filter((each) => each !== '').join(', and ');
  return users === '' ? '' : `; it is used by ${users}`;
}

function refersTo(model: ObjectModel, piece: Piece, variable: Piece): boolean {
  return model.referencesOf(piece).some(({ target }) => target.kind === 'piece' && target.piece === variable);
}

/** Alignment that the variable asks for, where its section is its own; 0 where others share it. */
function ownAlignment(model: ObjectModel, piece: Piece): number {
  return model.piecesIn(piece.section).length === 1 && piece.start === 0 ? piece.section.align : 0;
}

/** {@link sectionClass} with .bss and .data as one. */
function storageClass(section: Section): string {
  return sectionClass(section).replace(/^\.bss/, '.data');
}

/** Sections that differ only in the variable's own name are one class. */
function sectionClass(section: Section): string {
  const match = /^(\.(?:data|bss|rodata)(?:\.\.[a-z0-9_.]+|\.rel(?:\.ro)?(?:\.local)?)?)/.exec(section.name);
  return match?.[1] ?? section.name;
}

function firstDataDifference(sides: Sides, b: Piece, a: Piece): string {
  const bRefs = sides.before.referencesOf(b);
  const aRefs = sides.after.referencesOf(a);
  const x = sides.before.content(b);
  const y = sides.after.content(a);
  const fieldOf = (refs: typeof bRefs, piece: Piece, offset: number) => {
    const reference = refs.find((candidate) => candidate.offset - piece.start === offset);
    return reference ? describe(reference.target) : undefined;
  };
  const offsets = new Set([...bRefs.map((r) => r.offset - b.start), ...aRefs.map((r) => r.offset - a.start)]);
  for (let offset = 0; offset < x.length; offset++) {
    if (offsets.has(offset)) {
      const was = fieldOf(bRefs, b, offset);
      const is = fieldOf(aRefs, a, offset);
      if (was !== is)
        return `: at byte ${offset} ${was ?? 'no reference'} before, ${is ?? 'no reference'} after`;
    }
    if (x[offset] !== y[offset])
      return `: at byte ${offset} 0x${x[offset].toString(16)} before, 0x${y[offset].toString(16)} after`;
  }
  return '';
}
