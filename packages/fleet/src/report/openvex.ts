import { contentKey } from '@klpkit/host';
import { allFixes, isUnfinished } from '../states.ts';
import type { Cell, CellState } from '../types.ts';
import { coverageOf, type ReportFacts } from './coverage.ts';

/** Options of {@link openVex}. */
export interface VexOptions {
  /** Who says it. */
  readonly author: string;
  /** When it is said, RFC 3339. The format demands one; it is no part of the document's identity. */
  readonly timestamp: string;
}

interface Statement {
  readonly vulnerability: { readonly name: string };
  readonly products: readonly { readonly '@id': string }[];
  readonly status: 'not_affected' | 'affected' | 'fixed' | 'under_investigation';
  readonly justification?: string;
  readonly impact_statement?: string;
  readonly action_statement?: string;
}

/** States of which nobody knows yet what they come to. */
const undecided = new Set<CellState>(['does-not-apply', 'failed']);

/**
 * What is known of each CVE on each kernel, as an OpenVEX 0.2.0 document. A fix that a livepatch brings holds only while that
 * livepatch is loaded, so its product is the kernel *with* it, and the bare package stays affected.
 */
export function openVex(
  cells: readonly Cell[],
  facts: ReportFacts,
  { author, timestamp }: VexOptions,
): string {
  const statements: Statement[] = [];
  for (const { kernel, live, livepatch } of coverageOf(cells, facts)) {
    const own = cells.filter((cell) => cell.kernel === kernel && cell.fix !== allFixes);
    for (const cve of [...new Set(own.flatMap(({ cves }) => cves))].sort()) {
      // A CVE with several fixes is fixed by all of them.
      const of = own.filter(({ cves }) => cves.includes(cve));
      statements.push(...statementsOf(cve, of, live, livepatch));
    }
  }
  const document = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `urn:klpkit:vex:${contentKey(JSON.stringify(statements))}`,
    author,
    timestamp,
    version: 1,
    tooling: 'klpkit',
    statements,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function statementsOf(
  cve: string,
  of: readonly Cell[],
  live: readonly string[],
  livepatch: Cell | undefined,
): Statement[] {
  const [first] = of;
  if (!first) return [];
  const vulnerability = { name: cve };
  const bare = [{ '@id': productOf(first) }];
  if (of.some(({ isStale }) => isStale))
    return [{ vulnerability, products: bare, status: 'under_investigation' }];
  const every = (...states: CellState[]) => of.every(({ state }) => states.includes(state));
  if (every('fixed')) return [{ vulnerability, products: bare, status: 'fixed' }];
  if (every('not-affected', 'fixed', 'not-for-this-kernel'))
    return [
      {
        vulnerability,
        products: bare,
        status: 'not_affected',
        justification: 'vulnerable_code_not_present',
        impact_statement: of.map(({ reason }) => reason).join('; '),
      },
    ];
  const isLive = of.every(
    ({ fix, state }) => live.includes(fix) || state === 'fixed' || state === 'not-affected',
  );
  if (isLive && livepatch?.artifact) {
    const product = productOf(first, livepatch.artifact);
    return [
      { vulnerability, products: [{ '@id': product }], status: 'fixed' },
      {
        vulnerability,
        products: bare,
        status: 'affected',
        action_statement: `load ${livepatch.artifact.name} (sha256 ${livepatch.artifact.digest})`,
      },
    ];
  }
  const open = of.filter(({ fix }) => !live.includes(fix));
  if (open.every((cell) => isUnfinished(cell) || undecided.has(cell.state)))
    return [{ vulnerability, products: bare, status: 'under_investigation' }];
  const mitigated = open.every(({ state }) => state === 'mitigated') ? open : [];
  if (mitigated.length > 0 && livepatch?.artifact && livepatch.state === 'released')
    return [
      {
        vulnerability,
        products: bare,
        status: 'affected',
        action_statement: `load ${livepatch.artifact.name} (sha256 ${livepatch.artifact.digest}), which mitigates it until the fix is there: ${mitigated.map(({ reason }) => reason).join('; ')}`,
      },
    ];
  return [
    {
      vulnerability,
      products: bare,
      status: 'affected',
      action_statement:
        open.map(({ next }) => next).find((next) => next !== undefined) ?? 'boot a kernel that has the fix',
    },
  ];
}

/** A kernel as a package URL: of Debian's image package, or by its release. `livepatch` tells that it is loaded. */
function productOf(
  { kernel, release, sourceVersion }: Cell,
  livepatch?: { readonly name: string; readonly digest: string },
): string {
  const loaded = livepatch
    ? `livepatch=${encodeURIComponent(`${livepatch.name}@sha256:${livepatch.digest}`)}`
    : '';
  const name = encodeURIComponent(kernel.startsWith('debian:') ? `linux-image-${release}` : release);
  const type = kernel.startsWith('debian:') ? 'deb/debian' : 'generic';
  const version = sourceVersion ? `@${encodeURIComponent(sourceVersion)}` : '';
  const qualifiers = [...(type === 'deb/debian' ? ['arch=amd64'] : []), ...(loaded ? [loaded] : [])].join(
    '&',
  );
  return `pkg:${type}/${name}${version}${qualifiers ? `?${qualifiers}` : ''}`;
}
