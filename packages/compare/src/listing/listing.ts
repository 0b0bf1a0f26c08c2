import { stemOf } from '../changes/names.ts';
import type { ObjectModel, Piece, Reference, Target } from '../model/model.ts';
import type { Alignable } from './align.ts';

/** One instruction of a function, ready to be aligned and shown. */
export interface ListedInstruction extends Alignable {
  /** Bytes from the start of the function. */
  readonly offset: number;
  /** What it says, with names in place of relocations: `call mutex_lock`, `jne +0x2a0`. */
  readonly text: string;
}

/** A string longer than this is cut where it is shown. */
const shownString = 60;

/**
 * The instructions of a function.
 *
 * The key is the machine code without what differs between two compilations of the same source: relocated fields count by what they
 * refer to, jumps by the instruction they lead to.
 *
 * @param nameOf the common name of a function or variable: that of its counterpart before, where there is one
 */
export function listInstructions(
  model: ObjectModel,
  piece: Piece,
  nameOf: (piece: Piece) => string,
): ListedInstruction[] {
  const code = model.content(piece);
  const references = model.referencesOf(piece);
  const steps = model.arch.steps(code);
  const indexAt = new Map(steps.map((step, index) => [step.offset, index]));
  let next = 0;
  return model.arch.instructions(code).map((instruction, index): ListedInstruction => {
    const { offset, length, mnemonic } = instruction;
    const own: Reference[] = [];
    while (next < references.length && references[next].offset - piece.start < offset + length)
      own.push(references[next++]);
    const branch = own.length === 0 ? steps[index]?.branch : undefined;
    if (branch) {
      const target = indexAt.get(branch.target);
      const text = `${mnemonic} ${place(branch.target)}`;
      // A jump out of the function without a relocation leads to a neighbour in its section.
      const key = target === undefined ? `${branch.kind} ${branch.target - offset}` : branch.kind;
      return {
        offset,
        text,
        key,
        shapes: [branch.kind],
        ...(target === undefined ? {} : { target }),
      };
    }
    const bytes = code.slice(offset, offset + length);
    let key = '';
    let { text } = instruction;
    for (const reference of own) {
      const width = model.arch.fieldWidth(reference.type) ?? 0;
      const at = reference.offset - piece.start - offset;
      bytes.fill(0, at, at + width);
      key += ` ${at}:${reference.type}:${keyOf(model, piece, reference.target, nameOf)}`;
      const value =
        fieldValue(code, offset + at, width) +
        (model.arch.isPcRelative(reference.type) ? offset + length : 0);
      text = withName(
        text,
        value,
        wordsFor(piece, reference.target),
        model.arch.isPcRelative(reference.type),
      );
    }
    for (const byte of bytes) key += byte.toString(16).padStart(2, '0');
    return { offset, text, key, shapes: shapesOf(text, mnemonic) };
  });
}

function place(offset: number): string {
  return offset < 0 ? `-0x${(-offset).toString(16)}` : `+0x${offset.toString(16)}`;
}

/** What stands in a relocated field: zero for RELA machines, as a rule. */
function fieldValue(code: Uint8Array, at: number, width: number): number {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  if (at + width > code.length) return 0;
  return width === 4 ? view.getInt32(at, true) : width === 1 ? view.getInt8(at) : 0;
}

/** First the instruction but for its registers, then its mnemonic alone. */
function shapesOf(text: string, mnemonic: string): string[] {
  return [text.replace(/%\w+/g, '%'), mnemonic];
}

/** Puts a name where the disassembler shows the number of a relocated field; behind the instruction when the number is not found. */
function withName(text: string, value: number, name: string, pcRelative: boolean): string {
  const operand = text.indexOf(' ');
  if (operand < 0) return `${text} <${name}>`;
  const head = text.slice(0, operand + 1);
  const rest = text.slice(operand + 1);
  if (/^(call|jmp|j[a-z]+) $/.test(head) && /^(0x[0-9a-f]+|\d+)$/.test(rest) && Number(rest) === value)
    return head + name;
  if (pcRelative && /(^|[\s,:])(-?(0x[0-9a-f]+|\d+))?\(%rip\)/.test(rest))
    return head + rest.replace(/(-?(0x[0-9a-f]+|\d+))?\(%rip\)/, () => `${name}(%rip)`);
  const pattern = /(?<![%\w])(\$?)(-?)(0x[0-9a-f]+|\d+)(?![\w])/g;
  let done = false;
  const named = rest.replace(pattern, (whole, immediate: string, sign: string, digits: string) => {
    if (done || Number(digits) * (sign ? -1 : 1) !== value) return whole;
    done = true;
    return immediate ? `$${name}` : pcRelative ? `${name}(%rip)` : name;
  });
  return done ? head + named : `${text} <${name}>`;
}

/** A target for the eye. The function itself is not named again: `+0x12`. */
function wordsFor(self: Piece, target: Target): string {
  switch (target.kind) {
    case 'external':
      // The addend of a PC-relative operand counts from the end of the instruction, so -4 and the like say nothing.
      return target.offset > 0 ? `${target.name}+0x${target.offset.toString(16)}` : target.name;
    case 'piece':
      if (target.piece === self) return place(target.offset);
      return target.offset === 0 ? target.piece.name : `${target.piece.name}${place(target.offset)}`;
    case 'string': {
      const cut = target.bytes.length > shownString ? `${target.bytes.slice(0, shownString)}…` : target.bytes;
      return JSON.stringify(cut);
    }
    case 'constant':
      return `constant 0x${hexOf(target.bytes)}`;
    case 'place':
      return `${target.section.name}${place(target.offset)}`;
    case 'absolute':
      return `0x${BigInt.asUintN(64, BigInt(Math.trunc(target.value))).toString(16)}`;
  }
}

function hexOf(latin1: string): string {
  return [...latin1].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** A target as far as it is the same on both sides. */
function keyOf(model: ObjectModel, self: Piece, target: Target, nameOf: (piece: Piece) => string): string {
  switch (target.kind) {
    case 'external':
      return `x${target.name}+${target.offset}`;
    case 'piece':
      // A place inside the function moves with its code.
      return target.piece === self ? 'self' : `p${stemOf(nameOf(target.piece))}+${target.offset}`;
    case 'string':
    case 'constant':
      return `c${target.bytes}+${target.shift ?? 0}`;
    case 'place':
      return model.kindOf(target.section) === 'fragments'
        ? target.section.name
        : `${target.section.name}+${target.offset}`;
    case 'absolute':
      return `a${target.value}`;
  }
}
