import type { Finding } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { readScenario, runScenarios } from '@klpkit/prove';
import type { Store } from '../store/index.ts';
import type { ProveJob } from '../types.ts';

/** What became of a livepatch in a scenario. */
export interface Life {
  /** It passed, or the scenario is for other kernels. */
  readonly isGood: boolean;
  readonly findings: readonly Finding[];
  /** What the same livepatch gives again, for the proof: no times. */
  readonly kept: unknown;
}

/** Takes the livepatch of a job through the job's scenarios, each from a boot of its own. */
export async function takeThrough(
  job: ProveJob,
  kernel: Kernel,
  module: Uint8Array,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<Life[]> {
  const requests = await Promise.all(
    (job.scenarios ?? []).map(async ({ name, digest }) => {
      const text = new TextDecoder().decode(await store.get(digest));
      const { modules } = readScenario(text, { file: name });
      const given = modules.map(({ alias }) => [alias, { module, objects: job.objects }] as const);
      return { file: name, shownAs: name, text, modules: Object.fromEntries(given) };
    }),
  );
  if (requests.length === 0) return [];
  // A job is one place of the worker, which counts on one machine at a time.
  const results = await runScenarios(kernel, requests, { jobs: 1, ...(signal ? { signal } : {}) });
  return results.map(({ name, verdict, steps, findings }) => {
    const failed = steps.find(({ status }) => status === 'failed');
    const at = failed
      ? ` at step ${failed.number}, ${failed.title}${failed.found ? `: ${failed.found}` : ''}`
      : '';
    return {
      isGood: verdict !== 'failed',
      findings: [
        ...(verdict === 'failed'
          ? [
              {
                id: 'scenario',
                severity: 'error' as const,
                what: `the scenario ${name} failed${at}`,
                next: `klpkit prove ${job.module.name} --kernel ${kernel.id} --scenario ${name}`,
              },
            ]
          : []),
        ...findings,
      ],
      kept: { name, verdict, steps: steps.map(({ number, title, status }) => ({ number, title, status })) },
    };
  });
}
