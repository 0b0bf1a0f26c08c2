import type { Finding } from '@klpkit/findings';
import { compareUpgrade, type Upgrade, type UpgradeSide } from '@klpkit/livepatch';
import type { LivepatchEvidence } from './evidence.ts';
import { checkLivepatch, type Judgement, type Unchecked, worstFirst } from './judge.ts';
import { shadowUses } from './shadow.ts';
import { waitingFunctions } from './waiting.ts';

/** Whether one livepatch may follow another, and how to come back. */
export interface CheckedUpgrade extends Upgrade {
  /** Worst first: those of both livepatches together, and of the newer one alone what keeps it from being enabled. */
  readonly findings: readonly Finding[];
  /** Pitfalls that were not looked for because something is missing. */
  readonly unchecked: readonly Unchecked[];
  readonly downgrade: Downgrade;
}

/** How the older livepatch comes back once the newer one is enabled. */
export interface Downgrade {
  /** `disable`: the newer stands on the older and is disabled; `load`: the older's module is loaded once more. */
  readonly how: 'disable' | 'load';
  /** What the kernel makes of it. */
  readonly outcome: Upgrade['outcome'];
  /** One sentence. */
  readonly what: string;
  readonly findings: readonly Finding[];
}

/** A livepatch, and what is said of it alone. */
interface Judged {
  readonly evidence: LivepatchEvidence;
  readonly judgement: Judgement;
}

/**
 * Says whether a livepatch may be enabled while an older one is, what the kernel makes of it, and what of the older one is left then.
 * The rules are those of {@link checkLivepatch} with `older`; what they say of the newer one alone is left to that, but for errors.
 */
export function judgeUpgrade(older: LivepatchEvidence, newer: LivepatchEvidence): CheckedUpgrade {
  const [before, after] = [older, newer].map((evidence) => ({
    evidence,
    judgement: checkLivepatch(evidence),
  }));
  const forward = together(before, after);
  // Stacked on the older one, the newer is taken off by disabling it, and no rule stands in the way.
  const back = forward.upgrade.outcome === 'stacks' ? undefined : together(after, before);
  const broken = after.judgement.findings.filter(
    ({ id, severity }) => severity === 'error' || id === 'KLP402',
  );
  const findings = worstFirst([...broken, ...forward.findings]);
  return {
    ...forward.upgrade,
    outcome: findings.some(stopsLoading) ? 'refused' : forward.upgrade.outcome,
    findings,
    unchecked: forward.unchecked,
    downgrade: back
      ? {
          how: 'load',
          outcome: back.findings.some(stopsLoading) ? 'refused' : back.upgrade.outcome,
          what: downgradeText(back.upgrade),
          findings: worstFirst(back.findings),
        }
      : {
          how: 'disable',
          outcome: 'stacks',
          what: `disabling ${forward.upgrade.newer || newer.file} leaves ${forward.upgrade.older || older.file} as it was`,
          findings: [],
        },
  };
}

/** Errors of the kernel's own rules and of the pair's; others are the author's business and leave the livepatch loadable. */
const stopping = new Set(['KLP216', 'KLP224', 'upgrade-same-name']);
const stopsLoading = ({ id, severity }: Finding) =>
  severity === 'error' && (stopping.has(id) || /^(KLP20[1-57-9]|KLP30[1-3]|livepatch-|module-)/.test(id));

/** Pitfalls that two livepatches make together. */
const ofBoth = new Set(['KLP211', 'KLP216', 'KLP217', 'KLP222']);

/** What is said of two livepatches and not of the second alone. */
function together(
  first: Judged,
  second: Judged,
): { upgrade: Upgrade; findings: Finding[]; unchecked: readonly Unchecked[] } {
  const { livepatch, model } = first.evidence;
  const judgement = checkLivepatch({ ...second.evidence, older: livepatch, olderModel: model });
  const known = new Set(second.judgement.findings.map((finding) => JSON.stringify(finding)));
  const upgrade = compareUpgrade(sideOf(first.evidence), sideOf(second.evidence));
  const pair = judgement.findings.filter((finding) => !known.has(JSON.stringify(finding)));
  return {
    upgrade,
    findings: [...upgrade.findings, ...pair, ...kept(first)],
    unchecked: judgement.unchecked.filter(({ id }) => ofBoth.has(id)),
  };
}

/** What is said of the first one alone and matters when the second follows: state in its own memory, code that tasks do not leave. */
function kept({ judgement }: Judged): Finding[] {
  return judgement.findings.filter(({ id }) => id === 'KLP506' || blocks(id));
}

/** Main functions of threads, and new functions that are never left. */
const blocks = (id: string) => id === 'KLP402' || id === 'KLP406';

function sideOf({ livepatch, model }: LivepatchEvidence): UpgradeSide {
  return model
    ? { livepatch, shadows: shadowUses(model), waiting: waitingFunctions(model, livepatch) }
    : { livepatch };
}

function downgradeText({ older, newer, outcome }: Upgrade): string {
  const [left, back] = [older || 'the newer livepatch', newer || 'the older one'];
  if (outcome === 'refused')
    return `${back} cannot be loaded while ${left} is enabled; disabling ${left} first leaves the kernel's own code without either`;
  if (outcome === 'replaces')
    return `${back} can be loaded again and replaces ${left}; disabling ${left} goes back to the kernel's own code instead`;
  return `${back} does not replace: loaded again, it lies on top of ${left}, whose other functions stay`;
}
