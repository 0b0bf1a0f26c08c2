import { type ElfFile, EM, findSection, SHT, sectionBytes } from '@klpkit/formats';

/** What compilers wrote into `.comment`, each once, sorted: `GCC: (Debian 12.2.0-14+deb12u1) 12.2.0`. */
export function commentsOf(elf: ElfFile): string[] {
  const section = findSection(elf, '.comment');
  return section && section.type !== SHT.NOBITS
    ? [...new Set(stringsOf(sectionBytes(elf, section)))].sort()
    : [];
}

/** The compiler and, with gcc, its flags, as DWARF names them (DW_AT_producer); `undefined` without debug information. */
export function producerOf(elf: ElfFile): string | undefined {
  for (const name of ['.debug_str', '.debug_line_str']) {
    const section = findSection(elf, name);
    if (!section || section.type === SHT.NOBITS) continue;
    const found = stringsOf(sectionBytes(elf, section)).find((text) =>
      /^GNU C\d|clang version \d/.test(text),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True for an object that clang compiled. */
export function isClang(elf: ElfFile): boolean {
  return commentsOf(elf).some((comment) => comment.includes('clang'));
}

/** Flags of a producer that decide what code comes out, sorted; `undefined` where the compiler names none (clang). */
export function codeFlags(producer: string | undefined): string[] | undefined {
  if (producer === undefined || !producer.startsWith('GNU C')) return undefined;
  const flags = producer.split(' ').filter((word) => /^-[fmO]/.test(word));
  return flags
    .filter((flag) => !/^-f(file|macro|debug|profile)-prefix-map|^-fdump|^-fdiagnostics/.test(flag))
    .sort();
}

/** True for an x86-64 object. */
export function isX86(elf: ElfFile): boolean {
  return elf.machine === EM.X86_64;
}

/** The NUL-terminated strings of a section, empty ones apart; Latin-1. */
function stringsOf(bytes: Uint8Array): string[] {
  return new TextDecoder('latin1')
    .decode(bytes)
    .split('\0')
    .filter((text) => text !== '');
}
