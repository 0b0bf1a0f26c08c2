import { align, archOf, listInstructions, modelOf, type ObjectModel, type Piece } from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { FormatError, readElf, readModuleBytes, type Section, SHT, sectionBytes } from '@klpkit/formats';
import { type Kernel, type KernelImage, loadImage, loadModule } from '@klpkit/kernel';
import { type LivepatchFunction, parseKlpSymbol, readLivepatch } from '@klpkit/livepatch';
import { similarNames } from '../symbols/index.ts';

/** An instruction with names in place of numbers. */
export interface Line {
  /** Bytes from the start of the function. */
  readonly offset: number;
  readonly text: string;
}

/** The code of a function, and what stands in the kernel in its place. */
export interface Disassembly {
  readonly name: string;
  readonly size: number;
  readonly lines: readonly Line[];
  /** The function that it replaces; absent without a kernel, or for a function that replaces none. */
  readonly shipped?: {
    readonly object: string;
    readonly name: string;
    readonly sympos: number;
    readonly size: number;
    readonly rows: readonly {
      readonly kind: 'same' | 'changed' | 'removed' | 'added';
      readonly before?: Line | undefined;
      readonly after?: Line | undefined;
    }[];
  };
}

/**
 * The assembly of one function of a relocatable file; KLP symbols are named as in the kernel, with their owner.
 *
 * @param kernel for the function that it replaces, to be put beside it
 * @throws {UsageError} when the file has no such function, or its machine is not understood
 */
export async function disassemble(
  file: string,
  packed: Uint8Array,
  name: string,
  kernel?: Kernel,
): Promise<Disassembly> {
  let model: ObjectModel;
  let replaced: (LivepatchFunction & { readonly object: string })[];
  try {
    const bytes = await readModuleBytes(packed);
    model = modelOf(readElf(bytes));
    replaced = (readLivepatch(bytes).patch?.objects ?? []).flatMap((object) =>
      object.functions.map((one) => ({ ...one, object: object.name })),
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${file}: ${error.message}`);
  }
  const isText = (piece: Piece) => model.kindOf(piece.section) === 'text';
  const byOldName = replaced.find((one) => one.oldName === name)?.newSymbol;
  const piece = [name, ...(byOldName === undefined ? [] : [byOldName])]
    .flatMap((one) => model.named(one))
    .find(isText);
  if (!piece) {
    const near = similarNames(
      name,
      model.pieces.filter(isText).map((one) => one.name),
    );
    throw new UsageError(
      `${file} has no function ${name}`,
      near.length > 0 ? `was ${near.join(', or ')} meant?` : `klpkit show ${file} --all lists them`,
    );
  }
  const lines = listInstructions(model, piece, (one) => one.name).map(({ offset, text }) => ({
    offset,
    text: klpWords(text),
  }));
  const names = new Set([piece.name, ...piece.aliases]);
  const old = replaced.find(({ newSymbol }) => newSymbol !== undefined && names.has(newSymbol));
  const shipped = kernel && old && (await shippedLines(kernel, old.object, old.oldName, old.sympos));
  const base = { name: piece.name, size: piece.size, lines };
  if (!shipped || !old) return base;
  const rows = align(shipped.lines.map(alignable), lines.map(alignable)).map((row) => ({
    kind: row.kind,
    before: row.before === undefined ? undefined : shipped.lines[row.before],
    after: row.after === undefined ? undefined : lines[row.after],
  }));
  const { object, oldName, sympos } = old;
  return { ...base, shipped: { object, name: oldName, sympos, size: shipped.size, rows } };
}

/** `.klp.sym.ext4.bar,2` becomes `bar [ext4, 2]`. */
function klpWords(text: string): string {
  return text.replace(/\.klp\.sym\.[^\s()]+?,\d+/g, (symbol) => {
    const parts = parseKlpSymbol(symbol);
    return parts ? `${parts.name} [${parts.object}${parts.sympos > 0 ? `, ${parts.sympos}` : ''}]` : symbol;
  });
}

/** Two lines are the same when they say the same, but for where jumps lead and who owns a symbol. */
function alignable({ text }: Line) {
  const key = text
    .replace(/ \[\w+(, \d+)?\]/g, '')
    .replace(/^(\w+) [+-]0x[0-9a-f]+$/, '$1')
    .replace(/\b__klpkit_new_\d+_/, '');
  return { key, shapes: [text.replace(/%\w+/g, '%'), text.split(' ')[0] ?? ''] };
}

interface Listing {
  readonly size: number;
  readonly lines: readonly Line[];
}

async function shippedLines(
  kernel: Kernel,
  object: string,
  name: string,
  sympos: number,
): Promise<Listing | undefined> {
  const place = Math.max(1, sympos) - 1;
  if (object === 'vmlinux') {
    const image = await loadImage(kernel);
    const index = image.symbols.find(name)[place];
    return index === undefined ? undefined : imageLines(image, index);
  }
  const module = await loadModule(kernel, object).catch((error) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  const index = module?.find(name)[place];
  if (!module || index === undefined) return undefined;
  const model = modelOf(module.elf);
  const piece = model.pieceOf(index);
  if (!piece) return undefined;
  const lines = listInstructions(model, piece, (one) => one.name).map(({ offset, text }) => ({
    offset,
    text,
  }));
  return { size: piece.size, lines };
}

/** A function of the linked image, whose operands are addresses. */
function imageLines({ elf, symbols }: KernelImage, index: number): Listing | undefined {
  const start = symbols.address[index];
  const section = elf.sections.find(
    (one) => one.address !== 0 && one.address <= start && start < one.address + one.size,
  );
  if (!section || section.type === SHT.NOBITS) return undefined;
  let next = symbols.indexAt(start) + 1;
  while (next < symbols.count && symbols.address[next] <= start) next++;
  const end = Math.min(next < symbols.count ? symbols.address[next] : start, section.address + section.size);
  const code = sectionBytes(elf, section).subarray(start - section.address, end - section.address);
  const arch = archOf(elf);
  const nameAt = (address: number): string => {
    const at = symbols.indexAt(address);
    const string =
      at >= 0 && symbols.address[at] === address ? undefined : textAt(elf.sections, elf, address);
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
function textAt(sections: readonly Section[], elf: KernelImage['elf'], address: number): string | undefined {
  const section = sections.find(
    (one) => one.name === '.rodata' && one.address <= address && address < one.address + one.size,
  );
  if (!section) return undefined;
  const bytes = sectionBytes(elf, section)
    .subarray(address - section.address)
    .subarray(0, 200);
  const end = bytes.indexOf(0);
  if (end < 4) return undefined;
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, end));
  // The kernel's log level stands in front of a message as a byte of 1.
  if ([...text].some((letter) => (letter < ' ' && !'\t\n\u0001'.includes(letter)) || letter > '~'))
    return undefined;
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
