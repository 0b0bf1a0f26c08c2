import type { DecodedInstruction, ObjectModel, Piece, Reference } from '@klpkit/compare';
import { EM } from '@klpkit/formats';
import { partsOf } from './calls.ts';

/**
 * What single instructions do with memory, read off their text (AT&T syntax, x86-64). Enough to explain a change, never to decide one:
 * on other machines every answer is "not known".
 */

const reads = /^(cmp|test|bt[lq ]|push|call|jmp|lea|prefetch|nop|mul|imul|div|idiv|ucomis|comis)/;

/** True when the instruction around a reference writes the memory that it refers to. */
export function isWrite(model: ObjectModel, piece: Piece, reference: Reference): boolean {
  const instruction = instructionOf(model, piece, reference);
  if (!instruction || reads.test(instruction.text)) return false;
  return isMemory(operandsOf(instruction).at(-1));
}

/** True when the instruction around a reference takes the address of what it refers to, instead of reading or writing there. */
export function takesAddress(model: ObjectModel, piece: Piece, reference: Reference): boolean {
  if (piece.kind !== 'function') return true;
  const instruction = instructionOf(model, piece, reference);
  if (!instruction) return false;
  if (instruction.mnemonic.startsWith('lea')) return true;
  const width = model.arch.fieldWidth(reference.type) ?? 0;
  const end = piece.start + instruction.offset + instruction.length;
  return reference.offset + width === end && operandsOf(instruction)[0]?.startsWith('$') === true;
}

/** How many instructions of a function store into its own stack frame; `undefined` when the machine's code is not understood. */
export function frameStores(model: ObjectModel, piece: Piece): number | undefined {
  if (!isUnderstood(model)) return undefined;
  return partsOf(model, piece)
    .flatMap((part) => model.arch.instructions(model.content(part)))
    .filter((one) => one.mnemonic.startsWith('mov') && isFrame(operandsOf(one).at(-1))).length;
}

/** True when a function hands out the address of something in its stack frame. */
export function givesFrameAway(model: ObjectModel, piece: Piece): boolean {
  if (!isUnderstood(model)) return false;
  return partsOf(model, piece)
    .flatMap((part) => model.arch.instructions(model.content(part)))
    .some((one) => {
      const [source, target] = operandsOf(one);
      if (target === undefined || argumentNumber(target) === undefined) return false;
      return one.mnemonic.startsWith('lea')
        ? isFrame(source)
        : /^mov.*%rsp/.test(one.text) && source === '%rsp';
    });
}

const argumentRegisters = [
  ['rdi', 'edi', 'di', 'dil'],
  ['rsi', 'esi', 'si', 'sil'],
  ['rdx', 'edx', 'dx', 'dl'],
  ['rcx', 'ecx', 'cx', 'cl'],
  ['r8', 'r8d', 'r8w', 'r8b'],
  ['r9', 'r9d', 'r9w', 'r9b'],
];

/** Registers of the calling convention that a function fills right before it calls another, as 64-bit names, once for each call. */
export function argumentsSet(model: ObjectModel, from: Piece, to: Piece): string[][] | undefined {
  if (!isUnderstood(model)) return undefined;
  const found: string[][] = [];
  for (const part of partsOf(model, from)) {
    const calls = model
      .referencesOf(part)
      .filter(({ target }) => target.kind === 'piece' && target.piece === to && target.offset === 0)
      .map(({ offset }) => offset - part.start);
    if (calls.length === 0) continue;
    let set = new Set<number>();
    for (const one of model.arch.instructions(model.content(part))) {
      if (calls.some((at) => at >= one.offset && at < one.offset + one.length))
        found.push([...set].sort().map((number) => argumentRegisters[number][0]));
      if (/^(call|j|ret)/.test(one.mnemonic)) set = new Set();
      else {
        const number = argumentNumber(operandsOf(one).at(-1));
        if (number !== undefined && !/^(cmp|test|push|bt)/.test(one.mnemonic)) set.add(number);
      }
    }
  }
  return found;
}

/** Number of the argument that a register holds at a call, from 0; `undefined` for any other operand. */
export function argumentNumber(operand: string | undefined): number | undefined {
  const name = operand?.startsWith('%') ? operand.slice(1) : undefined;
  const number = argumentRegisters.findIndex((names) => name !== undefined && names.includes(name));
  return number < 0 ? undefined : number;
}

/** True when the operands of an object's instructions can be read. */
export function isUnderstood(model: ObjectModel): boolean {
  return model.arch.machine === EM.X86_64;
}

function instructionOf(
  model: ObjectModel,
  piece: Piece,
  reference: Reference,
): DecodedInstruction | undefined {
  if (!isUnderstood(model) || piece.kind !== 'function') return undefined;
  return model.arch.instructionAt(model.content(piece), reference.offset - piece.start);
}

/** The operands of an instruction, the written one last. */
export function operandsOf({ text, mnemonic }: DecodedInstruction): string[] {
  const rest = text.slice(text.indexOf(mnemonic) + mnemonic.length);
  return rest
    .split(/,(?![^(]*\))/)
    .map((operand) => operand.trim())
    .filter((operand) => operand !== '');
}

function isMemory(operand: string | undefined): boolean {
  return operand !== undefined && !operand.startsWith('$') && !/^%\w+$/.test(operand);
}

function isFrame(operand: string | undefined): boolean {
  return operand !== undefined && /^-?(0x)?[0-9a-f]*\(%r[sb]p/.test(operand);
}
