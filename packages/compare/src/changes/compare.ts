import type { ObjectModel } from '../model/model.ts';
import { readTables } from '../model/tables.ts';
import { compareRest } from './account.ts';
import { compareAnchors } from './anchors.ts';
import { compareCommons } from './common.ts';
import { checkComparable } from './comparable.ts';
import { correlate } from './correlate.ts';
import { compareData } from './data.ts';
import { compareFunctions, functionFindings } from './functions.ts';
import { compareGroups } from './groups.ts';
import { leftBehind } from './left-behind.ts';
import { compareLinkage } from './linkage.ts';
import { isFreshPiece } from './names.ts';
import { type Sides, Verdicts } from './same.ts';
import type { Comparison } from './types.ts';

/**
 * Compares two objects of one unit, compiled before and after a fix with the same compiler and flags.
 *
 * @param sizes sizes of table structures from the kernel's BTF
 * @throws {Refusal} for two objects that cannot be held against each other: of different machines, before and after objtool
 */
export function compareObjects(
  before: ObjectModel,
  after: ObjectModel,
  sizes?: ReadonlyMap<string, number>,
): Comparison {
  const doubts = checkComparable(before, after);
  const beforeTables = readTables(before, sizes);
  const afterTables = readTables(after, sizes);
  const { correlation, findings } = correlate(
    { model: before, tables: beforeTables },
    { model: after, tables: afterTables },
  );
  const sides: Sides = {
    before,
    after,
    beforeTables,
    afterTables,
    correlation,
    verdicts: new Verdicts(),
  };
  const functions = compareFunctions(sides);
  const data = compareData(sides);
  const commons = compareCommons(before, after);
  return {
    ...sides,
    functions,
    data: [...data.changes, ...commons.changes],
    findings: [
      ...doubts,
      ...findings,
      ...data.findings,
      ...commons.findings,
      ...functionFindings(functions),
      ...compareAnchors(before, after, correlation),
      ...compareLinkage(before, after, correlation),
      ...compareGroups(sides),
      ...compareRest(sides),
      ...leftBehind(after, functions),
    ],
    isFresh: isFreshPiece,
  };
}
