import { type ElfFile, SHT, sectionBytes, sectionPart } from '@klpkit/formats';
import { archOf } from '../arch/arch.ts';
import { sectionAt } from '../shipped/image.ts';
import type { SymbolizedImage } from '../shipped/types.ts';
import { type AlignedRow, align } from './align.ts';

/** An instruction with names in place of numbers. */
export interface Line {
  /** Bytes from the start of the function. */
  readonly offset: number;
  readonly text: string;
}

/** The code of a shipped function. */
export interface ShippedLines {
  /** Bytes, padding included. */
  readonly size: number;
  readonly lines: readonly Line[];
}

/** Bytes of one function that are listed; none of the kernel comes near. */
const longestFunction = 1 << 20;

/** Puts shipped code and the code of a livepatch side by side: lines are the same when they say the same, but for where jumps lead and who owns a symbol. */
export function alignLines(shipped: readonly Line[], lines: readonly Line[]): AlignedRow[] {
  return align(shipped.map(alignable), lines.map(alignable));
}

function alignable({ text }: Line) {
  const key = text
    .replace(/ \[\w+(, \d+)?\]/g, '')
    .replace(/^(\w+) [+-]0x[0-9a-f]+$/, '$1')
    .replace(/\b__klpkit_new_\d+_/, '');
  return { key, shapes: [text.replace(/%\w+/g, '%'), text.split(' ')[0] ?? ''] };
}

/**
 * A function of the linked image as far as the next symbol, names in place of the addresses that its operands are; `undefined` for a
 * symbol that lies in no stored section. A listing ends after {@link longestFunction} bytes.
 *
 * @param index of the symbol
 */
export function listShipped({ elf, symbols }: SymbolizedImage, index: number): ShippedLines | undefined {
  const start = symbols.address[index];
  const section = sectionAt(elf, start);
  if (!section || section.type === SHT.NOBITS) return undefined;
  let next = symbols.indexAt(start) + 1;
  while (next < symbols.count && symbols.address[next] <= start) next++;
  const end = Math.min(
    next < symbols.count ? symbols.address[next] : section.address + section.size,
    section.address + section.size,
    start + longestFunction,
  );
  const code = sectionBytes(elf, section).subarray(start - section.address, end - section.address);
  const arch = archOf(elf);
  const nameAt = (address: number): string => {
    const at = symbols.indexAt(address);
    const string = at >= 0 && symbols.address[at] === address ? undefined : textAt(elf, address);
    if (string !== undefined) return string;
    if (at < 0) return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
    const distance = address - symbols.address[at];
    return `${symbols.name(at)}${distance > 0 ? `+0x${distance.toString(16)}` : ''}`;
  };
  const steps = arch.steps(code);
  const lines = arch.instructions(code).map(({ offset, length, text, mnemonic }, number): Line => {
    const branch = steps[number]?.branch;
    if (branch) {
      const isInside = branch.target >= 0 && branch.target < code.length;
      const target = isInside ? `+0x${branch.target.toString(16)}` : nameAt(start + branch.target);
      return { offset, text: `${mnemonic} ${target}` };
    }
    const named = text
      .replace(/(?<![\w%])(-?0x[0-9a-f]+|-?\d+)\(%rip\)/, (_, digits: string) => {
        const value = digits.startsWith('-') ? -Number(digits.slice(1)) : Number(digits);
        return `${nameAt(start + offset + length + value)}(%rip)`;
      })
      .replace(/\$(-?0x[0-9a-f]{6,})\b/, (whole, digits: string) => {
        const value = digits.startsWith('-')
          ? -Number(digits.slice(1))
          : Number(BigInt.asIntN(64, BigInt(digits)));
        return value < -0x1000_0000 && value >= -0x8000_0000 ? `$${nameAt(value)}` : whole;
      });
    return { offset, text: named };
  });
  // Padding in front of the next function.
  while (lines.length > 1 && /^(int3|nop|xchg %ax, %ax)/.test(lines.at(-1)?.text ?? '')) lines.pop();
  return { size: code.length, lines };
}

/** A string constant at an address, as the listing of an object shows it. */
function textAt(elf: ElfFile, address: number): string | undefined {
  const section = elf.sections.find(
    (one) => one.name === '.rodata' && one.address <= address && address < one.address + one.size,
  );
  if (!section) return undefined;
  const bytes = sectionPart(elf, section, address - section.address, 200);
  const end = bytes.indexOf(0);
  if (end < 4) return undefined;
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, end));
  // The kernel's log level stands in front of a message as a byte of 1.
  if ([...text].some((letter) => (letter < ' ' && !'\t\n\u0001'.includes(letter)) || letter > '~'))
    return undefined;
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
