import type { Cell } from '../types.ts';

const columns = [
  'kernel',
  'release',
  'coveredUntil',
  'fix',
  'cves',
  'state',
  'stale',
  'reason',
  'next',
  'module',
  'sha256',
  'group',
] as const;

/** The cells as CSV (RFC 4180), one line each. What a spreadsheet would take for a formula is quoted as text. */
export function coverageCsv(cells: readonly Cell[]): string {
  const lines = [
    [...columns],
    ...cells.map((cell) => [
      cell.kernel,
      cell.release,
      cell.coveredUntil ?? '',
      cell.fix,
      cell.cves.join(' '),
      cell.state,
      cell.isStale ? 'yes' : '',
      cell.reason,
      cell.next ?? '',
      cell.artifact?.name ?? '',
      cell.artifact?.digest ?? '',
      cell.group ?? '',
    ]),
  ];
  return lines.map((line) => `${line.map(field).join(',')}\r\n`).join('');
}

function field(text: string): string {
  // A reason quotes what a patch says, and nobody expects a table to compute.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
