import { EM, ET, layoutElf, SHF, SHT } from '../elf/index.ts';

/** A symbol for {@link kallsymsKernel}; addresses are signed, and the list is ascending: first those from 0 up, then the image's. */
export interface ListedSymbol {
  readonly address: number;
  readonly type: string;
  readonly name: string;
}

/** The orders of the tables: as since 6.4, as before with sorted numbers, and as before without. */
export type TableOrder = 'new' | 'old' | 'oldest';

const rodataAddress = -0x7e000000;

/** Pads to a multiple of eight bytes. */
function align(bytes: number[]): number[] {
  while (bytes.length & 7) bytes.push(0);
  return bytes;
}

function words(values: readonly number[], size: number): number[] {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (size === 8) view.setBigInt64(index * 8, BigInt(value), true);
    else if (size === 4) view.setInt32(index * 4, value | 0, true);
    else view.setUint16(index * 2, value, true);
  });
  return align([...bytes]);
}

/** 256 tokens: every printable character for itself, the rest frequent parts of names or what nobody uses. */
const tokens = Array.from({ length: 256 }, (_, code) => {
  if (code >= 0x20 && code < 0x7f) return String.fromCharCode(code);
  return ['T__pfx_', 'init_', 'sys_', 'Tsys_', 'lock', 'unlock', '_the_', 'table'][code] ?? `~${code}`;
});

/** The name with its type, in token numbers, longest parts first. */
function compress(text: string): number[] {
  const used: number[] = [];
  for (let at = 0; at < text.length; ) {
    let best = text.charCodeAt(at);
    tokens.forEach((token, number) => {
      if (token.length > tokens[best].length && text.startsWith(token, at)) best = number;
    });
    used.push(best);
    at += tokens[best].length;
  }
  return used;
}

/** Where each table is, in bytes from the start of `.rodata`. */
export interface KallsymsKernel {
  readonly elf: Uint8Array;
  readonly at: Readonly<Record<string, number>>;
  readonly rodataAddress: number;
}

/**
 * A linked kernel whose `.rodata` holds kallsyms tables in the given order, written as the kernel's own generator writes them.
 *
 * @param perCpu values from 0 up are addresses (CONFIG_KALLSYMS_ABSOLUTE_PERCPU); else all are distances from the base
 */
export function kallsymsKernel(
  symbols: readonly ListedSymbol[],
  order: TableOrder,
  { base, perCpu = true }: { readonly base: number; readonly perCpu?: boolean },
): KallsymsKernel {
  const names: number[] = [];
  const markers: number[] = [];
  symbols.forEach(({ type, name }, index) => {
    if (index % 256 === 0) markers.push(names.length);
    const packed = compress(type + name);
    if (packed.length < 128) names.push(packed.length);
    else names.push((packed.length & 127) | 128, packed.length >> 7);
    names.push(...packed);
  });
  const text: number[] = [];
  const starts = tokens.map((token) => {
    const start = text.length;
    for (let index = 0; index < token.length; index++) text.push(token.charCodeAt(index));
    text.push(0);
    return start;
  });
  const byName = symbols.map((_, index) => index);
  byName.sort((a, b) =>
    symbols[a].name < symbols[b].name ? -1 : symbols[a].name > symbols[b].name ? 1 : a - b,
  );
  const offset = ({ address }: ListedSymbol) => {
    if (!perCpu) return address - base;
    return address >= 0 ? address : base - 1 - address;
  };
  const tables: Record<string, number[]> = {
    num_syms: words([symbols.length], 4),
    names: align(names),
    markers: words(markers, 4),
    token_table: align(text),
    token_index: words(starts, 2),
    offsets: words(symbols.map(offset), 4),
    relative_base: words([base], 8),
    seqs_of_names: align(byName.flatMap((index) => [index >> 16, (index >> 8) & 255, index & 255])),
  };
  const placed = {
    new: [
      'num_syms',
      'names',
      'markers',
      'token_table',
      'token_index',
      'offsets',
      'relative_base',
      'seqs_of_names',
    ],
    old: [
      'offsets',
      'relative_base',
      'num_syms',
      'names',
      'markers',
      'seqs_of_names',
      'token_table',
      'token_index',
    ],
    oldest: ['offsets', 'relative_base', 'num_syms', 'names', 'markers', 'token_table', 'token_index'],
  }[order];
  // Something else comes before and behind, as in a kernel.
  const rodata: number[] = Array.from({ length: 4096 }, (_, index) => (index * 37) & 255);
  const at: Record<string, number> = {};
  for (const name of placed) {
    at[name] = rodata.length;
    rodata.push(...tables[name]);
  }
  for (let index = 0; index < 1024; index++) rodata.push((index * 91) & 255);
  const elf = layoutElf({ type: ET.EXEC, machine: EM.X86_64 }, [
    {
      name: '.text',
      type: SHT.PROGBITS,
      flags: SHF.ALLOC,
      data: new Uint8Array(64),
      address: base,
      align: 4096,
    },
    {
      name: '.rodata',
      type: SHT.PROGBITS,
      flags: SHF.ALLOC,
      data: Uint8Array.from(rodata),
      address: rodataAddress,
      align: 4096,
    },
  ]);
  return { elf, at, rodataAddress };
}
