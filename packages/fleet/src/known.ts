import type { Store } from './store/index.ts';
import type { JobResult } from './types.ts';

/**
 * The result of a job that was done before. Undefined where there is none, where it was cut short, and where something that it made
 * is lost, so that the job is done again.
 */
export async function knownResult(store: Store, key: string): Promise<JobResult | undefined> {
  const text = await store.result(key);
  if (text === undefined) return undefined;
  let result: JobResult;
  try {
    result = JSON.parse(text) as JobResult;
  } catch {
    return undefined;
  }
  const there = await Promise.all(madeBy(result).map((digest) => store.has(digest)));
  return there.every(Boolean) ? result : undefined;
}

/** What a job put into the store. */
function madeBy(result: JobResult): string[] {
  if (result.kind === 'prove') return [result.proof];
  if (result.kind !== 'build' || result.outcome !== 'built') return [];
  const { digest, report, page } = result.artifact;
  return [digest, report, page];
}
