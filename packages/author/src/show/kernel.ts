import {
  BTF_KIND,
  type ElfFile,
  FormatError,
  findSection,
  readBtf,
  readBzImage,
  readElf,
  readExports,
  readKallsyms,
  sectionBytes,
} from '@klpkit/formats';
import type { ShownKernel } from './types.ts';

/**
 * Says what a kernel image is, from the image alone.
 *
 * @param bytes of a vmlinuz, or of a vmlinux
 * @throws {FormatError} for another file, and for an image without kallsyms
 */
export async function showKernel(file: string, bytes: Uint8Array): Promise<ShownKernel> {
  const { compression, vmlinux } = await readBzImage(bytes);
  const elf = readElf(vmlinux);
  const symbols = readKallsyms(elf);
  const functions = new Map<string, number>();
  let variables = 0;
  for (let index = 0; index < symbols.count; index++) {
    const type = String.fromCharCode(symbols.type[index]);
    if (!'tTwW'.includes(type)) {
      variables++;
      continue;
    }
    const name = symbols.name(index);
    if (!name.startsWith('__pfx_')) functions.set(name, (functions.get(name) ?? 0) + 1);
  }
  const exports = readExports(elf);
  const banner = textOf(elf, symbols.find('linux_banner').map((index) => symbols.address[index])[0]);
  const section = findSection(elf, '.BTF');
  const has = (name: string) => symbols.find(name).length > 0;
  const fact = (what: string, isGood: boolean, yes: string, no: string) => ({
    what,
    value: isGood ? yes : no,
    isGood,
  });
  return {
    kind: 'kernel',
    file,
    bytes: bytes.length,
    release: /^Linux version (\S+)/.exec(banner)?.[1] ?? '',
    banner,
    packing: compression === 'none' ? 'vmlinux' : compression,
    symbols: {
      count: symbols.count,
      functions: [...functions.values()].reduce((sum, count) => sum + count, 0),
      variables,
      sharedNames: [...functions.values()].filter((count) => count > 1).length,
      exports: exports.size,
    },
    types: section && countTypes(sectionBytes(elf, section)),
    facts: [
      fact(
        'livepatches',
        has('klp_enable_patch'),
        'can be loaded',
        'cannot be loaded: built without CONFIG_LIVEPATCH',
      ),
      fact(
        'ftrace sites',
        has('__start_mcount_loc'),
        'functions can be diverted',
        'functions cannot be diverted',
      ),
      fact(
        'unexported data',
        variables > functions.size / 10,
        'is in kallsyms',
        'is not in kallsyms: livepatches cannot refer to it',
      ),
      fact('stacks', has('__start_orc_unwind'), 'are read by ORC tables', 'have no ORC tables'),
      fact('types', section !== undefined, 'are in the image (BTF)', 'are not in the image'),
      fact(
        'versions of exports',
        [...exports.values()].some(({ crc }) => crc !== undefined),
        'are checked',
        'are not checked',
      ),
    ],
  };
}

function countTypes(bytes: Uint8Array): NonNullable<ShownKernel['types']> {
  const btf = readBtf(bytes);
  let structures = 0;
  let functions = 0;
  for (let id = 1; id < btf.count; id++) {
    const kind = btf.kind(id);
    if (kind === BTF_KIND.STRUCT || kind === BTF_KIND.UNION) structures++;
    if (kind === BTF_KIND.FUNC) functions++;
  }
  return { count: btf.count - 1, structures, functions };
}

/** The text at an address of the image. */
function textOf(elf: ElfFile, address: number | undefined): string {
  const section =
    address === undefined
      ? undefined
      : elf.sections.find((one) => one.address <= address && address < one.address + one.size);
  if (address === undefined || !section)
    throw new FormatError('kernel image: expected the symbol linux_banner, found none');
  const bytes = sectionBytes(elf, section)
    .subarray(address - section.address)
    .subarray(0, 1024);
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(bytes.subarray(0, end < 0 ? bytes.length : end)).trimEnd();
}
