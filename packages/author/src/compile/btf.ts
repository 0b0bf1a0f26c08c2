import { readFile } from 'node:fs/promises';
import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { run } from '@klpkit/host';

/**
 * Parts an object file from its types. gcc 12 writes the types of `-gbtf` in another order each time, and the name of the source with
 * them; without them the same source gives the same bytes.
 *
 * @param path the object file, which is rewritten
 * @returns the object, and the content of `.BTF`, empty when there is none
 */
export async function partTypes(
  path: string,
  signal?: AbortSignal,
): Promise<{ bytes: Uint8Array; types: Uint8Array }> {
  const whole = new Uint8Array(await readFile(path));
  const elf = readElf(whole);
  const section = findSection(elf, '.BTF');
  if (!section) return { bytes: whole, types: new Uint8Array(0) };
  await run(['objcopy', '--remove-section=.BTF', path], { signal });
  return { bytes: new Uint8Array(await readFile(path)), types: sectionBytes(elf, section) };
}
