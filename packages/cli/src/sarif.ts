import type { Finding } from '@klpkit/findings';
import { pitfallOf } from '@klpkit/pitfalls';
import type { Log, ReportingDescriptor, Result } from 'sarif';
import type { Answered } from './policy.ts';

const levels = { error: 'error', warning: 'warning', note: 'note' } as const;

/**
 * Findings as SARIF 2.1.0, for code hosts. Nothing in it depends on when or where it was made.
 *
 * @param file that was judged, as the user named it
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarifLog(version: string, file: string, { findings, suppressed }: Answered): Log {
  const all = [...findings, ...suppressed.map(({ finding }) => finding)];
  const ids = [...new Set(all.map(({ id }) => id))].sort();
  return {
    version: '2.1.0',
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    runs: [
      {
        tool: { driver: { name: 'klpkit', version, rules: ids.map(ruleOf) } },
        artifacts: [{ location: { uri: uriOf(file) } }],
        results: [
          ...findings.map((finding) => resultOf(finding, ids, file)),
          ...suppressed.map(({ finding, reason }) => ({
            ...resultOf(finding, ids, file),
            suppressions: [{ kind: 'external' as const, justification: reason }],
          })),
        ],
      },
    ],
  };
}

function ruleOf(id: string): ReportingDescriptor {
  const pitfall = pitfallOf(id);
  if (!pitfall) return { id };
  return {
    id,
    name: pitfall.name,
    shortDescription: { text: pitfall.title },
    fullDescription: { text: pitfall.statement },
    help: { text: pitfall.safeWay },
    defaultConfiguration: { level: levels[pitfall.severity] },
  };
}

function resultOf(finding: Finding, ids: readonly string[], judged: string): Result {
  const { id, severity, what, why, next, at, evidence, certainty } = finding;
  const lines = [what, why && `Why: ${why}`, next && `Next: ${next}`].filter((line) => line !== undefined);
  const file = at?.unit ?? at?.file ?? judged;
  return {
    ruleId: id,
    ruleIndex: ids.indexOf(id),
    level: levels[severity],
    message: { text: lines.join('\n') },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          ...(at?.line === undefined ? {} : { region: { startLine: Math.max(1, at.line) } }),
        },
        ...(at?.symbol === undefined
          ? {}
          : { logicalLocations: [{ name: at.symbol, kind: 'function' as const }] }),
      },
    ],
    properties: {
      certainty: certainty ?? 'certain',
      ...(evidence ? { evidence: [...evidence] } : {}),
      ...(at?.section === undefined ? {} : { section: at.section }),
      ...(at?.offset === undefined ? {} : { offset: at.offset }),
    },
  };
}

/** A path as a relative URI; what may not stand in one is escaped. */
function uriOf(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
