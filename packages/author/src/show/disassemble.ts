import {
  alignLines,
  type Line,
  listInstructions,
  listShipped,
  modelOf,
  type ObjectModel,
  type Piece,
  type ShippedLines,
} from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { FormatError, readElf, readModuleBytes } from '@klpkit/formats';
import { type Kernel, loadImage, loadModule } from '@klpkit/kernel';
import { type LivepatchFunction, plainKlpSymbols, readLivepatch } from '@klpkit/livepatch';
import { similarNames } from '../symbols/index.ts';

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
    text: plainKlpSymbols(text),
  }));
  const names = new Set([piece.name, ...piece.aliases]);
  const old = replaced.find(({ newSymbol }) => newSymbol !== undefined && names.has(newSymbol));
  const shipped = kernel && old && (await shippedLines(kernel, old.object, old.oldName, old.sympos));
  const base = { name: piece.name, size: piece.size, lines };
  if (!shipped || !old) return base;
  const rows = alignLines(shipped.lines, lines).map((row) => ({
    kind: row.kind,
    before: row.before === undefined ? undefined : shipped.lines[row.before],
    after: row.after === undefined ? undefined : lines[row.after],
  }));
  const { object, oldName, sympos } = old;
  return { ...base, shipped: { object, name: oldName, sympos, size: shipped.size, rows } };
}

async function shippedLines(
  kernel: Kernel,
  object: string,
  name: string,
  sympos: number,
): Promise<ShippedLines | undefined> {
  const place = Math.max(1, sympos) - 1;
  if (object === 'vmlinux') {
    const image = await loadImage(kernel);
    const index = image.symbols.find(name)[place];
    return index === undefined ? undefined : listShipped(image, index);
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
