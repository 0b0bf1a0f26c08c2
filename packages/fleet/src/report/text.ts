import { allFixes } from '../states.ts';
import type { Cell } from '../types.ts';
import { coverageOf, coverageWords, groupsOf, type ReportFacts, releasedWords } from './coverage.ts';

/** The coverage as text: a grid of states, then what waits, then what needs to be reviewed once. */
export function coverageText(cells: readonly Cell[], facts: ReportFacts): string {
  const kernels = [...new Set(cells.map(({ release }) => release))];
  const fixes = [...new Set(cells.map(({ fix }) => fix))];
  const cellOf = new Map(cells.map((cell) => [`${cell.release}\0${cell.fix}`, cell]));
  const nameOf = (fix: string) => (fix === allFixes ? 'all' : fix);
  const rows = [
    ['', ...fixes.map(nameOf)],
    ...kernels.map((release) => [
      release,
      ...fixes.map((fix) => stateWords(cellOf.get(`${release}\0${fix}`))),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  for (const coverage of coverageOf(cells, facts)) {
    const { release, next: go, live, mitigated, notNeeded, open, livepatch, released } = coverage;
    lines.push('', [release, coverageWords(coverage)].filter(Boolean).join(', '));
    if (go) lines.push(`  next: ${go}`);
    if (livepatch?.artifact)
      lines.push(
        `  ${stateWords(livepatch)}  ${livepatch.artifact.name}  sha256 ${livepatch.artifact.digest}`,
      );
    if (live.length > 0) lines.push(`  in it: ${live.join(', ')}`);
    if (mitigated.length > 0) lines.push(`  mitigated in it: ${mitigated.join(', ')}`);
    if (notNeeded.length > 0) lines.push(`  not needed: ${notNeeded.join(', ')}`);
    for (const cell of open) {
      lines.push(`  ${stateWords(cell)}  ${nameOf(cell.fix)}: ${cell.reason}`);
      if (cell.next && cell.next !== go) lines.push(`    next: ${cell.next}`);
    }
    if (released.length > 0) lines.push('  before');
    for (const one of released) lines.push(`    ${one.state}  ${releasedWords(one)}  sha256 ${one.sha256}`);
  }
  const groups = groupsOf(cells);
  // One that differs is understood beside the one that it differs from.
  const telling = new Set(
    groups.filter(({ cells: of, differs }) => of.length > 1 || differs.length > 0).map(({ fix }) => fix),
  );
  const shared = groups.filter(({ fix }) => telling.has(fix));
  if (shared.length > 0) lines.push('', 'to review once');
  for (const { fix, key, cells: of, differs } of shared) {
    lines.push(`  ${fix}  ${key.slice(0, 12)}  ${of.map(({ release }) => release).join(', ')}`);
    for (const what of differs) lines.push(`    ${what}`);
  }
  return `${lines.join('\n')}\n`;
}

function stateWords(cell: Cell | undefined): string {
  if (!cell) return 'unknown';
  return cell.isStale ? `${cell.state}, stale` : cell.state;
}
