import { allFixes } from '../run.ts';
import type { Cell } from '../types.ts';
import { coverageOf, groupsOf } from './coverage.ts';

/** The coverage as text: a grid of states, then what waits, then what needs to be reviewed once. */
export function coverageText(cells: readonly Cell[]): string {
  const kernels = [...new Set(cells.map(({ release }) => release))];
  const fixes = [...new Set(cells.map(({ fix }) => fix))];
  const cellOf = new Map(cells.map((cell) => [`${cell.release}\0${cell.fix}`, cell]));
  const nameOf = (fix: string) => (fix === allFixes ? 'all' : fix);
  const rows = [
    ['', ...fixes.map(nameOf)],
    ...kernels.map((release) => [
      release,
      ...fixes.map((fix) => cellOf.get(`${release}\0${fix}`)?.state ?? 'unknown'),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  for (const { release, coveredUntil, live, notNeeded, open, livepatch } of coverageOf(cells)) {
    lines.push('', `${release}${coveredUntil ? `, covered until ${coveredUntil}` : ''}`);
    if (livepatch?.artifact)
      lines.push(`  ${livepatch.state}  ${livepatch.artifact.name}  sha256 ${livepatch.artifact.digest}`);
    if (live.length > 0) lines.push(`  in it: ${live.join(', ')}`);
    if (notNeeded.length > 0) lines.push(`  not needed: ${notNeeded.join(', ')}`);
    for (const { fix, state, reason, next } of open) {
      lines.push(`  ${state}  ${nameOf(fix)}: ${reason}`);
      if (next) lines.push(`    next: ${next}`);
    }
  }
  const shared = groupsOf(cells).filter(({ cells: of, differs }) => of.length > 1 || differs.length > 0);
  if (shared.length > 0) lines.push('', 'to review once');
  for (const { fix, key, cells: of, differs } of shared) {
    lines.push(`  ${fix}  ${key.slice(0, 12)}  ${of.map(({ release }) => release).join(', ')}`);
    for (const what of differs) lines.push(`    ${what}`);
  }
  return `${lines.join('\n')}\n`;
}
