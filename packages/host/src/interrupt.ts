import { rmSync } from 'node:fs';

const cleanups = new Set<() => void>();
let installed = false;

function cleanUp(): void {
  // Last registered first: a child that fills a folder is killed before the folder is removed.
  for (const cleanup of [...cleanups].reverse()) {
    try {
      cleanup();
    } catch {
      // The process is going down; the other cleanups still have to run.
    }
  }
  cleanups.clear();
}

/** Told of the first signal, where somebody asked for it. */
let first: AbortController | undefined;
let isFirstNow = false;

/**
 * Has the first interruption (SIGINT, SIGTERM, SIGHUP) abort a signal instead of cleaning up and ending the process, for work that
 * puts something in order before it ends. The second one ends it as usual.
 */
export function firstInterrupt(): AbortSignal {
  install();
  first ??= new AbortController();
  return first.signal;
}

/** Whether an interruption is one that {@link firstInterrupt} takes; the same answer for all listeners of one signal. */
export function isFirstInterrupt(): boolean {
  if (first && !first.signal.aborted) {
    isFirstNow = true;
    setImmediate(() => {
      isFirstNow = false;
    });
    first.abort(new DOMException('interrupted', 'AbortError'));
  }
  return isFirstNow;
}

function onSignal(signal: NodeJS.Signals): void {
  if (isFirstInterrupt()) return;
  cleanUp();
  // Somebody else may want to word the end; with nobody else, die of the signal as without a handler.
  if (process.listenerCount(signal) > 1) return;
  process.removeListener(signal, onSignal);
  process.kill(process.pid, signal);
}

function install(): void {
  if (installed) return;
  installed = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  process.on('exit', cleanUp);
}

/**
 * Registers a synchronous function for the case that the process is interrupted (SIGINT, SIGTERM, SIGHUP) or exits early.
 * Returns the function that takes the registration back: call it when the thing is done or gone.
 * The last registered runs first.
 */
export function atInterrupt(cleanup: () => void): () => void {
  install();
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
  };
}

/** Has `path` (file or folder) removed if the process is interrupted; returns the function that takes this back. */
export function removeAtInterrupt(path: string): () => void {
  return atInterrupt(() => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
}
