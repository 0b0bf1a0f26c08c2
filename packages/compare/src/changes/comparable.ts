import { type Finding, Refusal } from '@klpkit/findings';
import type { ObjectModel } from '../model/model.ts';

/**
 * Looks whether two objects can be held against each other at all.
 *
 * @returns findings for objects that can be compared, but not with much sense
 * @throws {Refusal} when they cannot, with every reason
 */
export function checkComparable(before: ObjectModel, after: ObjectModel): Finding[] {
  const others = machines(before, after);
  if (others.length > 0) throw new Refusal(others);
  const reasons = [...stages(before, after), ...pools(before, after)];
  const compilers = compilerFindings(before, after);
  if (reasons.length > 0) throw new Refusal([...reasons, ...compilers]);
  return compilers;
}

function machines(before: ObjectModel, after: ObjectModel): Finding[] {
  if (before.arch !== after.arch) {
    const name = ({ arch }: ObjectModel) => `${arch.name} (ELF machine ${arch.machine})`;
    return [
      {
        id: 'other-machine',
        severity: 'error',
        what: `the object before is for ${name(before)}, the one after for ${name(after)}`,
        why: 'code of two machines has nothing in common',
        next: 'compile both sides with one compiler, for one machine',
      },
    ];
  }
  if (before.elf.flags === after.elf.flags) return [];
  return [
    {
      id: 'other-machine',
      severity: 'error',
      what: `the ELF header's flags are 0x${before.elf.flags.toString(16)} before and 0x${after.elf.flags.toString(16)} after`,
      why: 'they say which variant of the machine and of its ABI the code is for',
      next: 'compile both sides with the same flags',
    },
  ];
}

/** objtool rewrites jump labels and adds tables, so an object that it has seen differs everywhere from one that it has not. */
function stages(before: ObjectModel, after: ObjectModel): Finding[] {
  const written = (model: ObjectModel) =>
    model.elf.sections.find((section) => section.size > 0 && model.kindOf(section) === 'objtool');
  const was = written(before);
  const is = written(after);
  const seen = was ?? is;
  if (!seen || (was && is)) return [];
  // An object without code has nothing that objtool would write.
  const other = was ? after : before;
  if (!other.pieces.some(({ kind }) => kind === 'function')) return [];
  return [
    {
      id: 'objtool-stage',
      severity: 'error',
      what: `the object ${was ? 'before' : 'after'} went through objtool (it has section ${seen.index}, ${seen.name}), the one ${was ? 'after' : 'before'} did not`,
      why: 'objtool turns jumps of static branches into nops and adds tables, so that functions differ which the fix did not touch',
      next: 'take both objects from the same step of the build: before objtool, or after it',
      at: { section: seen.name },
    },
  ];
}

/** Clang for Power puts the strings and constants of a unit into one block and reaches them by constants in the code. */
const pool = '.rodata..L__ModuleStringPool';

/** A block of merged constants that is not the same on both sides: what an instruction refers to cannot be told then. */
function pools(before: ObjectModel, after: ObjectModel): Finding[] {
  const [was, is] = [before, after].map((model) => {
    const section = model.elf.sections.find(({ name }) => name === pool);
    return section && model.bytes(section);
  });
  if (!was || !is) return [];
  if (was.length === is.length && was.every((byte, index) => byte === is[index])) return [];
  return [
    {
      id: 'KLP140',
      severity: 'error',
      what: `${pool}, into which clang merges constants, has 0x${was.length.toString(16)} bytes before and ${was.length === is.length ? 'as many others' : `0x${is.length.toString(16)}`} after`,
      why: 'code reaches what is in the block by its distance from the start, so the same instructions mean other things once the block changes',
      next: 'compile both sides with -mllvm -ppc-merge-string-pool=0',
      at: { section: pool },
    },
  ];
}

/** What compilers and assemblers wrote of themselves into `.comment`, each once. */
function compilersOf(model: ObjectModel): string[] {
  const told = new Set<string>();
  for (const section of model.elf.sections) {
    if (section.name !== '.comment') continue;
    // More than this is no compiler's name.
    const text = new TextDecoder('latin1').decode(model.bytes(section).subarray(0, 4096));
    for (const part of text.split('\0')) if (part.trim() !== '') told.add(part.trim());
  }
  return [...told].sort();
}

function compilerFindings(before: ObjectModel, after: ObjectModel): Finding[] {
  const was = compilersOf(before).join(' and ');
  const is = compilersOf(after).join(' and ');
  if (was === is) return [];
  return [
    {
      id: 'KLP141',
      severity: 'error',
      what: `the two sides come from different compilers: ${was || 'an unnamed one'} before, ${is || 'an unnamed one'} after`,
      why: 'the same source gives other code then, so most differences have nothing to do with the fix',
      next: 'compile both sides with the compiler of the kernel',
      at: { section: '.comment' },
    },
  ];
}
