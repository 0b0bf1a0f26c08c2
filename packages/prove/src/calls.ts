import type { PassContext } from './pass.ts';
import { replyText } from './session.ts';
import type { FunctionCalls } from './types.ts';

/** How often each patched function was called while checks ran, over all passes of a livepatch. */
export interface CallCounter {
  /** In the order of the livepatch; of those whose calls can be counted. */
  readonly counts: FunctionCalls[];
  /** Why nothing is known. */
  problem?: string;
}

const tracing = '/sys/kernel/tracing';
const group = 'klpkit';
const timeoutMs = 20_000;

/** Takes all probes away. */
const remove = `cd ${tracing} && echo 0 > events/${group}/enable; echo > kprobe_events`;

/** Functions that are counted at most: each probe takes about 20 ms under emulation. */
const mostProbes = 100;

/**
 * Runs checks, and counts meanwhile how often the new code of each patched function is entered: by kprobe events, whose hits
 * `kprobe_profile` tells (Documentation/trace/kprobetrace.rst). The probes are gone before the livepatch is reverted.
 */
export async function countCalls(
  context: PassContext,
  counter: CallCounter,
  checks: () => Promise<void>,
): Promise<void> {
  const probes = counter.problem === undefined ? await arm(context, counter) : undefined;
  await checks();
  if (probes) await disarm(context, counter, probes);
}

/** Begins to count; gives the functions in the order of their probes. */
async function arm(
  { session, livepatch }: PassContext,
  counter: CallCounter,
): Promise<readonly FunctionCalls[] | undefined> {
  const ask = async (script: string) => {
    const reply = await session.ask('run', [script], { timeoutMs, limit: 1 << 20 });
    const isDone = reply.status === 0 && !reply.isTimedOut;
    if (!isDone) counter.problem = replyText(reply).split('\n').at(-1) || `exit code ${reply.status}`;
    return isDone ? replyText(reply) : undefined;
  };
  const newCode = livepatch.newCode.slice(0, mostProbes);
  const probed = newCode.map(
    ({ object, name }) =>
      counter.counts.find((count) => count.object === object && count.function === name) ?? {
        object,
        function: name,
        calls: 0,
      },
  );
  if (probed.length === 0) {
    counter.problem = 'its new functions cannot be told apart by their symbols';
    return undefined;
  }
  // By name and not by address: reading all symbols takes two seconds under emulation.
  // One that takes no probe, as nothing in .noinstr.text does, stays unknown.
  const lines = newCode.map(
    ({ newSymbol }, n) => `{ echo 'p:${group}/f${n} ${livepatch.name}:${newSymbol}' >> kprobe_events || :; }`,
  );
  const armed = await ask(
    [
      `{ [ -e ${tracing}/kprobe_events ] || mount -t tracefs tracefs ${tracing}; }`,
      `cd ${tracing}`,
      ...lines,
      `echo 1 > events/${group}/enable`,
    ].join(' && '),
  );
  if (armed !== undefined) return probed;
  await session.ask('run', [remove], { timeoutMs });
  return undefined;
}

async function disarm(
  { session }: PassContext,
  counter: CallCounter,
  probed: readonly FunctionCalls[],
): Promise<void> {
  const reply = await session.ask('run', [`cat ${tracing}/kprobe_profile; ${remove}`], {
    timeoutMs,
    limit: 1 << 20,
  });
  for (const line of replyText(reply).split('\n')) {
    const [, index, hits, missed] = /^\s*f(\d+)\s+(\d+)\s+(\d+)$/.exec(line) ?? [];
    const of = probed[Number(index)];
    if (!of) continue;
    of.calls += Number(hits) + Number(missed);
    if (!counter.counts.includes(of)) counter.counts.push(of);
  }
  if (counter.counts.length === 0) counter.problem = 'the kernel takes no probe of its functions';
}

/** Says of checks that nothing of the livepatch ran while they ran, or that this cannot be told. */
export function judgeCalls({ session, livepatch }: PassContext, { counts, problem }: CallCounter): void {
  if (livepatch.checks.length === 0) return;
  const checks = livepatch.checks.length > 1 ? 'checks' : 'check';
  const functions = livepatch.objects.reduce((sum, object) => sum + object.functions.length, 0);
  if (counts.some(({ calls }) => calls > 0)) return;
  const why =
    problem ??
    (counts.length < functions
      ? `${counts.length} of ${functions} could be counted, and none was`
      : undefined);
  if (why !== undefined)
    session.find({
      id: 'calls-unknown',
      severity: 'note',
      what: `whether the ${checks} called a patched function cannot be told: ${why}`,
      next: 'nothing, where the output of a check shows the fix',
    });
  else
    session.find({
      id: 'checks-call-nothing',
      severity: 'warning',
      what: `no patched function was called while the ${checks} ran`,
      why: 'an output that is as expected then shows nothing of the fix',
      next: 'give a check that gets to a patched function',
    });
}
