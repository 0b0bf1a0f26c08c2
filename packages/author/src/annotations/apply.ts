import type { Comparison, FunctionChange } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Annotations, Ignored } from './types.ts';

/**
 * A comparison in which what the author ignores has not changed: an ignored function stays the kernel's, and what refers to it refers to
 * that one. Findings about what is ignored go, and notes that say so come.
 *
 * Errors: names that the unit does not have, functions that the kernel does not have and cannot keep. Warnings: what changes nothing.
 */
export function withoutIgnored(unit: string, comparison: Comparison, { ignored }: Annotations): Comparison {
  if (ignored.length === 0) return comparison;
  let { functions, data, findings } = comparison;
  const more: Finding[] = [];
  for (const one of ignored) {
    const isAbout = aboutOf(one);
    const told = findings.filter(isAbout);
    findings = findings.filter((finding) => !isAbout(finding));
    const isIgnored = (change: FunctionChange) =>
      change.name === one.name || coldOf(change.name) === one.name;
    if (one.what === 'function') {
      const own = functions.filter(isIgnored);
      const [wrong] = own.filter(({ status }) => status === 'new' || status === 'removed');
      if (own.length === 0 || wrong) {
        more.push(own.length === 0 ? unknownFunction(unit, comparison, one) : notInKernel(unit, one, wrong));
        continue;
      }
      if (own.every(({ status }) => status === 'same')) {
        more.push(needless(unit, one, told));
        continue;
      }
      functions = functions.map((change) => (isIgnored(change) ? same(change) : change));
      more.push(noted(unit, one, told));
      continue;
    }
    const inSection = (change: (typeof data)[number]) =>
      (change.after ?? change.before)?.section.name === one.name && change.status !== 'new';
    const hit = data.some(inSection) || told.length > 0;
    if (!hasSection(comparison, one.name)) more.push(unknownSection(unit, comparison, one));
    else more.push(hit ? noted(unit, one, told) : needless(unit, one, told));
    data = data.filter((change) => !inSection(change));
  }
  return { ...comparison, functions, data, findings: [...findings, ...more] };
}

/** The parent of a cold part. */
function coldOf(name: string): string {
  return name.replace(/\.cold(\.\d+)?$/, '');
}

function same({ name, before, after, parent }: FunctionChange): FunctionChange {
  return {
    name,
    status: 'same',
    ...(before ? { before } : {}),
    ...(after ? { after } : {}),
    ...(parent ? { parent } : {}),
  };
}

function aboutOf({ what, name }: Ignored): (finding: Finding) => boolean {
  return what === 'function' ? ({ at }) => at?.symbol === name : ({ at }) => at?.section === name;
}

function noted(unit: string, { what, name, reason }: Ignored, told: readonly Finding[]): Finding {
  const ids = [...new Set(told.filter(({ severity }) => severity !== 'note').map(({ id }) => id))].sort();
  return {
    id: 'annotation-ignored',
    severity: 'note',
    what:
      what === 'function'
        ? `the author keeps ${name} as the kernel has it: ${reason}`
        : `the author leaves out what changes in ${name}: ${reason}`,
    ...(ids.length > 0
      ? { why: `${ids.join(', ')} ${ids.length === 1 ? 'is' : 'are'} answered by that` }
      : {}),
    at: what === 'function' ? { unit, symbol: name } : { unit, section: name },
  };
}

function needless(unit: string, { what, name }: Ignored, told: readonly Finding[]): Finding {
  return {
    id: 'annotation-needless',
    severity: 'warning',
    what: `${what === 'function' ? name : `the section ${name}`} is ignored and does not change`,
    ...(told.length > 0
      ? { why: `what was said of it (${told.map(({ id }) => id).join(', ')}) is left out` }
      : {}),
    next: 'take the annotation out, so that a later change is seen',
    at: what === 'function' ? { unit, symbol: name } : { unit, section: name },
  };
}

function notInKernel(unit: string, { name }: Ignored, { status }: FunctionChange): Finding {
  return {
    id: 'annotation-wrong',
    severity: 'error',
    what:
      status === 'new'
        ? `${name} is ignored, and the fix adds it: the kernel has no such function to keep`
        : `${name} is ignored, and the fix removes it`,
    next: 'take the annotation out',
    at: { unit, symbol: name },
  };
}

function unknownFunction(unit: string, { functions }: Comparison, { name }: Ignored): Finding {
  return {
    id: 'annotation-wrong',
    severity: 'error',
    what: `${name} is ignored, and no function of the unit has that name`,
    next: nearest(
      name,
      functions.map((change) => change.name),
    ),
    at: { unit, symbol: name },
  };
}

function hasSection({ before, after }: Comparison, name: string): boolean {
  return [before, after].some(({ elf }) => elf.sections.some((section) => section.name === name));
}

function unknownSection(unit: string, { after }: Comparison, { name }: Ignored): Finding {
  return {
    id: 'annotation-wrong',
    severity: 'error',
    what: `the section ${name} is ignored, and the unit has none of that name`,
    next: nearest(
      name,
      after.elf.sections.map((section) => section.name),
    ),
    at: { unit, section: name },
  };
}

/** The names that look most like one. */
function nearest(name: string, names: readonly string[]): string {
  const found = [...new Set(names)]
    .map((other) => ({ other, distance: distanceOf(name, other) }))
    .filter(({ distance }) => distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance || (a.other < b.other ? -1 : 1))
    .slice(0, 3)
    .map(({ other }) => other);
  return found.length > 0
    ? `it may be ${found.join(' or ')}`
    : 'look at klpkit compare for the names that there are';
}

/** Letters to change, add or take away to make one text of the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
