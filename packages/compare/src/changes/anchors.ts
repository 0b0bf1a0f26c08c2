import type { Finding } from '@klpkit/findings';
import { STT } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import type { Correlation } from './types.ts';

/**
 * Sections whose variables code may reach from one of them: with section anchors gcc refers to the start of a section and adds a
 * constant, so the reference does not tell which variable is used. As long as the section is laid out alike on both sides, equal
 * constants mean equal variables; otherwise nothing does (KLP140).
 */
export function compareAnchors(before: ObjectModel, after: ObjectModel, correlation: Correlation): Finding[] {
  if (!before.arch.hasAnchors) return [];
  const had = sharedSections(before);
  const has = sharedSections(after);
  const findings: Finding[] = [];
  for (const name of [...new Set([...had.keys(), ...has.keys()])].sort()) {
    const was = had.get(name);
    const is = has.get(name);
    // A section that only one side has was reached by no code of the other.
    if (!was || !is) continue;
    const moved = firstMoved(was, is, correlation);
    if (!moved) continue;
    findings.push({
      id: 'KLP140',
      severity: 'error',
      what: `${moved} in ${name}, whose variables code may reach from one another`,
      why: `on ${before.arch.name} gcc (and clang, where it merges variables) may address several variables from one anchor, so that the same instructions mean another variable once the section is laid out anew`,
      next: 'compile both sides with -fdata-sections -fno-section-anchors (clang: -mno-global-merge); for variables that the source puts into this section, override KLP140 when both were compiled so',
      at: { section: name },
    });
  }
  return findings;
}

/** Variables of each data section that holds more than one and that code refers to by the section, by section name. */
function sharedSections(model: ObjectModel): Map<string, readonly Piece[]> {
  const { elf, symbols } = model;
  const anchored = new Set<number>();
  for (const section of elf.sections) {
    const kind = model.kindOf(section);
    if (kind !== 'text' && kind !== 'init') continue;
    for (const { symbol, target } of model.references(section))
      if (target.kind === 'piece' && target.piece.kind === 'object' && symbols.type[symbol] === STT.SECTION)
        anchored.add(target.piece.section.index);
  }
  const shared = new Map<string, Piece[]>();
  for (const index of anchored) {
    const section = elf.sections[index];
    const known = shared.get(section.name) ?? [];
    shared.set(section.name, [...known, ...model.piecesIn(section)]);
  }
  for (const [name, pieces] of shared) if (pieces.length < 2) shared.delete(name);
  return shared;
}

/** The first place where two sections differ in what is where, in words. */
function firstMoved(
  was: readonly Piece[],
  is: readonly Piece[],
  correlation: Correlation,
): string | undefined {
  for (let index = 0; index < Math.max(was.length, is.length); index++) {
    const b = was[index];
    const a = is[index];
    const partner = b && correlation.afterOf(b);
    // Constants without identity have no partner; equal shapes in equal places are as good.
    const same = b && a && (partner ? partner === a : !correlation.beforeOf(a));
    if (same && b.start === a.start && b.size === a.size) continue;
    const text = (piece: Piece | undefined) =>
      piece ? `${piece.name} (${piece.size} bytes at 0x${piece.start.toString(16)})` : 'nothing';
    return `${text(b)} before is ${text(a)} after`;
  }
  return undefined;
}
