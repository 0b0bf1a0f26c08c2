import { hasFtraceEntry, type ObjectModel, type Piece } from '@klpkit/compare';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';

/** Where the ftrace entry is. */
export const klp131: Pitfall = {
  id: 'KLP131',
  name: 'fentry-offset',
  title: 'Where the ftrace entry is',
  severity: 'error',
  statement:
    'The entry is at the first byte, behind ENDBR64, behind 16 bytes of padding, or behind the code that sets up the TOC, as machine and flags have it; behind the prologue, without -mfentry, it is too late to take a function over.',
  seen: 'gcc-12 for x86-64, arm64, ppc64le and s390x; clang-19',
  safeWay:
    'Take where the entry is from the object (relocations to __fentry__, __mcount_loc, __patchable_function_entries) and never from a constant.',
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      for (const { name, before: b, after: a } of changedFunctions(evidence)) {
        const late = lateCall(before, b);
        if (late) {
          yield {
            what: `${name} calls ${late.name} at +0x${late.offset.toString(16)}, behind its prologue`,
            why: 'the frame of the old function is already there when ftrace gets to run, so the call cannot be diverted to another function',
            next: 'compile with -mfentry, as kernels with livepatching are',
            evidence: ['relocations of the before object'],
            at: { symbol: name },
          };
          continue;
        }
        const [was, is] = [entryOf(before, b), entryOf(after, a)];
        if (was === undefined || is === undefined || was === is) continue;
        yield {
          severity: 'note',
          what: `the ftrace entry of ${name} is at +0x${was.toString(16)} before and at +0x${is.toString(16)} after`,
          why: 'the running kernel is entered where the old one has it, which klpkit reads off the kernel; only a tool with a fixed offset goes wrong',
          evidence: ['relocations of both objects'],
          at: { symbol: name },
        };
      }
    },
  },
};

/** A call to ftrace that comes too late to be an entry. */
function lateCall(model: ObjectModel, piece: Piece): { name: string; offset: number } | undefined {
  if (hasFtraceEntry(model, piece)) return undefined;
  for (const { target, offset } of model.referencesOf(piece))
    if (target.kind === 'external' && /^(_?mcount|__fentry__)$/.test(target.name))
      return { name: target.name, offset: offset - piece.start };
  return undefined;
}

/** Bytes from the start of the function to the field of its call of `__fentry__`. */
function entryOf(model: ObjectModel, piece: Piece): number | undefined {
  const found = model
    .referencesOf(piece)
    .find(({ target }) => target.kind === 'external' && target.name === '__fentry__');
  return found && found.offset - piece.start;
}
