import { type Comparison, hasFtraceEntry, type Piece, type Verdict } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Kernel, Unit } from '@klpkit/kernel';
import type { LivepatchPlan, PlannedFunction } from '@klpkit/livepatch';
import { compileUnit } from '../../compile/index.ts';
import type { Extraction } from '../../extract/index.ts';
import { finishModule } from '../../finish/index.ts';
import { type KernelContext, readContext } from '../context.ts';
import { extractUnit, type JudgedUnit, judgeUnit } from '../unit.ts';

/**
 * Functions in which kernel threads sleep for as long as they run, and that no `kthread_create` names: a transition that waits for
 * them never ends, whatever the livepatch holds.
 */
export const endlessSleepers: ReadonlySet<string> = new Set([
  'kthread',
  'kthread_worker_fn',
  'kthreadd',
  'rcu_gp_fqs_loop',
  'rcu_gp_kthread',
  'rcu_tasks_kthread',
  'rcu_tasks_one_gp',
  'rescuer_thread',
  'ret_from_fork',
  'smpboot_thread_fn',
  'worker_thread',
]);

/** Verdicts of the run-pre match that prove a function to be the shipped one. */
const proven: ReadonlySet<Verdict> = new Set(['identical', 'jump-labels', 'jump-encoding']);

/** A unit with its before object on both sides: nothing differs, and any function may be called changed. */
export interface IdentityUnit {
  readonly judged: JudgedUnit;
  /** Functions that a livepatch can replace by a copy of themselves. */
  readonly replaceable: readonly Piece[];
  /** All others by name, each with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/** A kernel with what its identity livepatches are made of. */
export interface Identity {
  readonly kernel: Kernel;
  readonly context: KernelContext;
}

/** Reads the kernel once for all units. */
export async function openIdentity(kernel: Kernel): Promise<Identity> {
  return { kernel, context: await readContext(kernel) };
}

/** Compiles a unit and tries each of its functions alone. */
export async function readIdentityUnit({ kernel, context }: Identity, unit: Unit): Promise<IdentityUnit> {
  const compiled = await compileUnit(kernel, { unit, side: 'before' });
  if ('finding' in compiled) throw new Error(compiled.finding.what);
  const judged = await judgeUnit(context, unit, {
    before: compiled,
    after: compiled,
    exact: async () => {
      const exact = await compileUnit(kernel, { unit, side: 'exact' });
      if ('finding' in exact) throw new Error(exact.finding.what);
      return exact.bytes;
    },
  });
  const verdicts = new Map(judged.match.functions.map(({ piece, verdict }) => [piece, verdict]));
  const replaceable: Piece[] = [];
  const leftOut: { name: string; reason: string }[] = [];
  const changes = judged.comparison.functions;
  const different = changes.filter(({ status }) => status !== 'same');
  if (different.length > 0 || judged.comparison.findings.length > 0)
    throw new Error(`${unit.source} is not the same as itself`);
  for (const { name, before, after } of changes) {
    if (!before || !after) continue;
    const verdict = verdicts.get(before);
    const reason =
      verdict === undefined || !proven.has(verdict)
        ? `match: ${verdict ?? 'none'}`
        : endlessSleepers.has(name)
          ? 'threads sleep in it for ever'
          : !hasFtraceEntry(judged.comparison.before, before)
            ? 'KLP130'
            : errorsOf(await extractChosen(context, judged, 0, new Set([after])))[0]?.id;
    if (reason === undefined) replaceable.push(after);
    else leftOut.push({ name, reason });
  }
  return { judged, replaceable, leftOut };
}

/** A livepatch that replaces functions by copies of themselves. */
export interface IdentityLivepatch {
  readonly plan: LivepatchPlan;
  readonly ko: Uint8Array;
  readonly units: readonly string[];
  /** Symbols that it reaches by KLP relocation. */
  readonly relocations: number;
  readonly findings: readonly Finding[];
}

/** Makes one livepatch of functions of some units; none of them may have been left out. */
export async function makeIdentityLivepatch(
  { kernel, context }: Identity,
  name: string,
  parts: readonly { readonly unit: IdentityUnit; readonly chosen: ReadonlySet<Piece> }[],
): Promise<IdentityLivepatch> {
  const objects = new Map<string, PlannedFunction[]>();
  const extractions: Extraction[] = [];
  for (const [number, { unit, chosen }] of parts.entries()) {
    const extraction = await extractChosen(context, unit.judged, number, chosen);
    const [error] = errorsOf(extraction);
    if (error) throw new Error(`${unit.judged.unit.source}: ${error.id}: ${error.what}`);
    extractions.push(extraction);
    const { owner } = unit.judged.unit;
    const list = objects.get(owner) ?? [];
    objects.set(owner, list);
    for (const { oldName, sympos, newSymbol } of extraction.functions)
      list.push({ oldName, sympos, newSymbol });
  }
  const plan: LivepatchPlan = {
    name,
    replace: false,
    objects: [...objects].map(([object, functions]) => ({ name: object, functions })),
  };
  const placeholders = new Map(
    extractions.flatMap((extraction) => extraction.placeholders.map((each) => [each.symbol, each] as const)),
  );
  const finished = await finishModule(kernel, {
    plan,
    objects: extractions.flatMap(({ bytes }) => (bytes ? [bytes] : [])),
    placeholders: [...placeholders.values()],
  });
  return {
    plan,
    ko: finished.ko,
    units: parts.map(({ unit }) => unit.judged.unit.source),
    relocations: placeholders.size,
    findings: [...extractions.flatMap(({ findings }) => findings), ...finished.findings],
  };
}

function errorsOf({ findings }: Extraction): Finding[] {
  return findings.filter(({ severity }) => severity === 'error');
}

/** Extracts a unit as if the fix had changed some functions. */
function extractChosen(
  context: KernelContext,
  judged: JudgedUnit,
  number: number,
  chosen: ReadonlySet<Piece>,
): Promise<Extraction> {
  const comparison: Comparison = {
    ...judged.comparison,
    functions: judged.comparison.functions.map((change) =>
      change.after && chosen.has(change.after)
        ? {
            ...change,
            status: 'changed',
            difference: { kind: 'with', offset: 0, before: change.name, after: change.name },
          }
        : change,
    ),
  };
  return extractUnit(context, { ...judged, comparison }, number, new Set());
}
