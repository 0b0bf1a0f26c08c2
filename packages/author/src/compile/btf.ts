import { readFile } from 'node:fs/promises';
import { type ElfFile, FormatError, findSection, readElf, sectionBytes, typesOfDwarf } from '@klpkit/formats';
import { run } from '@klpkit/host';

/**
 * Parts an object file from its types and its debug information. gcc 12 writes the types of `-gbtf` in another order each time, and
 * the name of the source with them; without them the same source gives the same bytes.
 *
 * @param path the object file, which is rewritten
 * @returns the object, and the content of `.BTF`, made of the debug information where the compiler wrote none; empty when there is
 *   neither. `debug` is the file as it was, when it has line numbers
 */
export async function partTypes(
  path: string,
  signal?: AbortSignal,
): Promise<{ bytes: Uint8Array; types: Uint8Array; debug?: Uint8Array }> {
  const whole = new Uint8Array(await readFile(path));
  const elf = readElf(whole);
  const section = findSection(elf, '.BTF');
  const hasLines = findSection(elf, '.debug_line') !== undefined;
  const types = section ? sectionBytes(elf, section).slice() : debugTypes(elf);
  // They name the folder that was compiled in.
  if (section) whole.fill(0, section.offset, section.offset + section.size);
  if (!section && !hasLines) return { bytes: whole, types };
  const argv = ['objcopy', '--wildcard', '--remove-section=.BTF', '--remove-section=.debug_*'];
  await run([...argv, '--remove-section=.rela.debug_*', path], { signal });
  return { bytes: new Uint8Array(await readFile(path)), types, ...(hasLines && { debug: whole }) };
}

/** Debug information that cannot be read is as good as none: the types are compared where they are known. */
function debugTypes(elf: ElfFile): Uint8Array {
  try {
    return typesOfDwarf(elf);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return new Uint8Array(0);
  }
}
