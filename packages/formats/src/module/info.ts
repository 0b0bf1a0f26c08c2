import { type ElfFile, findSection, sectionBytes } from '../elf/index.ts';
import { FormatError } from '../error.ts';

/** The `key=value` strings of a module's `.modinfo`, in file order. */
export interface ModuleInfo {
  readonly entries: readonly { readonly key: string; readonly value: string }[];
  /** The first value of that key. */
  get(key: string): string | undefined;
  /** All values of that key, such as `alias`. */
  all(key: string): readonly string[];
}

const utf8 = new TextDecoder();

/** The non-empty NUL-terminated strings of a section. */
export function stringsOf(bytes: Uint8Array): string[] {
  const strings: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const zero = bytes.indexOf(0, at);
    const end = zero < 0 ? bytes.length : zero;
    if (end > at) strings.push(utf8.decode(bytes.subarray(at, end)));
    at = end + 1;
  }
  return strings;
}

/**
 * Reads `.modinfo`; a file without it has no entries.
 *
 * @throws {FormatError} for a string without `=`
 * @see the kernel's include/linux/moduleparam.h, `__MODULE_INFO`
 */
export function readModuleInfo(elf: ElfFile): ModuleInfo {
  const section = findSection(elf, '.modinfo');
  const entries = (section ? stringsOf(sectionBytes(elf, section)) : []).map((text) => {
    const equals = text.indexOf('=');
    if (equals < 0)
      throw new FormatError(`modinfo: expected key=value, found ${JSON.stringify(text.slice(0, 80))}`);
    return { key: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return {
    entries,
    get: (key) => entries.find((entry) => entry.key === key)?.value,
    all: (key) => entries.filter((entry) => entry.key === key).map((entry) => entry.value),
  };
}

/** `struct modversion_info`: the CRC in an unsigned long, the name in what is left of 64 bytes. */
const versionSize = 64;

/**
 * The CRCs that a module was built against, by symbol name: `__versions`, and the two extended sections of 6.14 and later, which
 * win where a name is in both.
 *
 * @throws {FormatError} for sizes that do not fit
 * @see the kernel's include/linux/module.h, `struct modversion_info`, and kernel/module/version.c
 */
export function readVersions(elf: ElfFile): Map<string, number> {
  const versions = new Map<string, number>();
  const plain = findSection(elf, '__versions');
  if (plain) {
    const bytes = sectionBytes(elf, plain);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length % versionSize !== 0)
      throw new FormatError(`versions: __versions has ${bytes.length} bytes, no multiple of ${versionSize}`);
    for (let at = 0; at < bytes.length; at += versionSize) {
      const name = bytes.subarray(at + 8, at + versionSize);
      const end = name.indexOf(0);
      if (end < 0)
        throw new FormatError(`versions: the name at __versions+0x${(at + 8).toString(16)} has no end`);
      versions.set(
        utf8.decode(name.subarray(0, end)),
        view.getUint32(elf.littleEndian ? at : at + 4, elf.littleEndian),
      );
    }
  }
  const crcs = findSection(elf, '__version_ext_crcs');
  const names = findSection(elf, '__version_ext_names');
  if (!crcs && !names) return versions;
  if (!crcs || !names)
    throw new FormatError('versions: only one of __version_ext_crcs and __version_ext_names is there');
  const values = sectionBytes(elf, crcs);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const texts = stringsOf(sectionBytes(elf, names));
  if (values.length !== texts.length * 4)
    throw new FormatError(
      `versions: ${texts.length} extended names need ${texts.length * 4} bytes of CRCs, there are ${values.length}`,
    );
  for (const [index, name] of texts.entries())
    versions.set(name, view.getUint32(index * 4, elf.littleEndian));
  return versions;
}
