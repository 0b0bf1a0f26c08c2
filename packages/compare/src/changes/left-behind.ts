import type { Finding } from '@klpkit/findings';
import type { ObjectModel, Piece } from '../model/model.ts';
import type { FunctionChange } from './types.ts';

/** Registrations that are about the very code of a function: its copy in a livepatch is not in the list. */
const aboutCode: readonly (readonly [section: RegExp, what: string, lost: string])[] = [
  [
    /kprobe_blacklist/,
    'must not be probed (NOKPROBE_SYMBOL)',
    'kprobes can be set in its replacement, which nothing keeps out of the way of the code that handles them',
  ],
  [
    /^_error_injection_whitelist$/,
    'may be made to fail by tests (ALLOW_ERROR_INJECTION)',
    'a failure that a test injects at its entry takes the place of the replacement as well',
  ],
];

/** What is registered of functions that are replaced and does not hold for the replacement. */
export function leftBehind(after: ObjectModel, functions: readonly FunctionChange[]): Finding[] {
  const changed = new Set<Piece>();
  for (const { status, after: piece } of functions) if (status === 'changed' && piece) changed.add(piece);
  if (changed.size === 0) return [];
  const findings: Finding[] = [];
  for (const section of after.elf.sections) {
    const about = aboutCode.find(([pattern]) => pattern.test(section.name));
    if (!about) continue;
    const [, what, lost] = about;
    const told = new Set<Piece>();
    for (const { target } of after.references(section)) {
      if (target.kind !== 'piece' || !changed.has(target.piece) || told.has(target.piece)) continue;
      told.add(target.piece);
      findings.push({
        id: 'KLP507',
        severity: 'note',
        what: `${target.piece.name}, which is replaced, ${what}, and the replacement is not on that list`,
        why: lost,
        next: 'nothing in operation; set no kprobe or injected failure in the livepatch',
        at: { symbol: target.piece.name, section: section.name },
      });
    }
  }
  return [...findings, ...unknownNotes(after)];
}

/** Made by every export and initcall, or by annotations of the author, which are read for themselves. */
const known = /^\.discard\.(addressable$|klpkit\.|klp_callback_ptrs$)/;

/** Notes for objtool, which are thrown away after it has run: those that are not known do not travel with a function. */
function unknownNotes(after: ObjectModel): Finding[] {
  const names = new Set(
    after.elf.sections
      .filter(({ name, size }) => name.startsWith('.discard.') && !known.test(name) && size > 0)
      .filter((section) => after.kindOf(section) !== 'table')
      .map(({ name }) => name),
  );
  return [...names].sort().map((section) => ({
    id: 'unknown-section',
    severity: 'note',
    what: `${section}, whose purpose klpkit does not know, is not in the livepatch`,
    why: 'sections called .discard hold notes for objtool and are never part of a kernel',
    next: 'look at what objtool says of the livepatch',
    at: { section },
  }));
}
