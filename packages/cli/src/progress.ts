import type { OnProgress, Progress } from '@klpkit/kernel';
import type { Output } from './context.ts';

interface Running {
  readonly since: number;
  latest: Progress;
  updated: number;
}

/** Work that ended sooner leaves no line behind. */
const worthTellingMs = 300;
/** How often long work shows that it goes on where there is no terminal. */
const heartbeatMs = 5000;
/** How often the line on a terminal is written anew. */
const redrawMs = 80;

/**
 * Shows long work: on a terminal one line that is written over, elsewhere a line at the end of each piece of work and one
 * every five seconds while it lasts.
 */
export class ProgressView {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #running = new Map<string, Running>();
  #drawn = false;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #saidAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** Takes a report of a step; bound, so that it can be handed on as it is. */
  readonly report: OnProgress = (progress) => {
    const now = this.#now();
    const known = this.#running.get(progress.label);
    if (known) Object.assign(known, { latest: progress, updated: now });
    else {
      // Work that is counted in no unit is one step of several: it ends when other work begins.
      for (const [label, { latest }] of this.#running) if (latest.unit === undefined) this.#end(label, now);
      this.#running.set(progress.label, { since: now, latest: progress, updated: now });
      if (this.#running.size === 1) this.#saidAt = now;
    }
    if (progress.total !== undefined && progress.done !== undefined && progress.done >= progress.total)
      this.#end(progress.label, now);
    this.#timer ??= setInterval(() => this.#tick(), this.#output.isTTY ? 250 : 1000).unref();
    this.#tick();
  };

  /** Takes the line away, so that other text can be written; the next report brings it back. */
  clear(): void {
    if (this.#drawn) this.#output.write('\r\x1b[K');
    this.#drawn = false;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }

  /** All work is over. */
  end(): void {
    const now = this.#now();
    for (const [label, { latest, updated }] of this.#running)
      this.#end(label, latest.unit === undefined ? now : updated);
    this.clear();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #end(label: string, at: number): void {
    const running = this.#running.get(label);
    if (!running) return;
    this.#running.delete(label);
    const ms = at - running.since;
    if (ms < worthTellingMs) return;
    const { done, unit } = running.latest;
    const amount = done === undefined || !unit ? '' : `, ${amountText(done, unit)}`;
    this.clear();
    this.#output.write(`  ${label}${amount}, ${secondsText(ms)}\n`);
    this.#saidAt = this.#now();
  }

  #tick(): void {
    const now = this.#now();
    if (this.#running.size === 0) {
      this.clear();
      return;
    }
    if (this.#output.isTTY) {
      if (now - this.#drawnAt < redrawMs) return;
      const text = [...this.#running.values()].map((running) => runningText(running, now)).join('; ');
      const columns = this.#output.columns ?? 80;
      this.#output.write(`\r\x1b[K${`  ${text}`.slice(0, Math.max(columns - 1, 20))}`);
      this.#drawn = true;
      this.#drawnAt = now;
      return;
    }
    if (now - this.#saidAt < heartbeatMs) return;
    this.#saidAt = now;
    // Of several at once the one that moved last shows best that work goes on.
    const [latest] = [...this.#running.values()].sort((a, b) => b.updated - a.updated);
    if (latest) this.#output.write(`  ${runningText(latest, now)}\n`);
  }
}

function runningText({ since, latest }: Running, now: number): string {
  const { label, done, total, unit } = latest;
  const parts = [label];
  if (done !== undefined && unit !== undefined) {
    const of = total === undefined ? '' : ` of ${amountText(total, unit)}`;
    parts.push(`${amountText(done, unit)}${of}`);
  }
  parts.push(secondsText(now - since));
  return parts.join(', ');
}

function amountText(count: number, unit: NonNullable<Progress['unit']>): string {
  return unit === 'bytes' ? bytesText(count) : `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}

/** A number of bytes in words: `101.2 MB`. */
export function bytesText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${bytes} B`;
}

/** A time in words: `0.42 s`, `12.3 s`. */
export function secondsText(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`;
}
