/**
 * Runs `work` on every item, at most `limit` at a time, and gives the results in the items' order.
 *
 * At the first failure no further item is begun, the signal given to the running ones is aborted, and when they have
 * ended the failure is thrown: the one that came first. `signal` aborts from outside in the same way.
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  signal?.throwIfAborted();
  const results = new Array<R>(items.length);
  const inner = new AbortController();
  const onAbort = () => inner.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && !inner.signal.aborted) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index, inner.signal);
      } catch (error) {
        failure ??= { error };
        inner.abort(error);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  signal?.throwIfAborted();
  if (failure) throw failure.error;
  return results;
}
