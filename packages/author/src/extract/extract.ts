import {
  type Comparison,
  type Fragment,
  type Piece,
  type Reference,
  replacementOf,
  type TableEntry,
  type Target,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import {
  type ObjectRelocation,
  type ObjectSection,
  type ObjectSymbol,
  R_X86_64,
  type Section,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  writeObject,
} from '@klpkit/formats';
import type { Placeholder } from '@klpkit/livepatch';
import { type Closure, closeOver, goesToCopy } from './closure.ts';
import type { ExtractedFunction, Extraction, ExtractRequest, Location } from './types.ts';

/** Rewrites a symbol's name to letters that C and the module loader take. */
function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

interface OutSection {
  readonly name: string;
  readonly flags: number;
  readonly type: number;
  readonly align: number;
  readonly entsize: number;
  readonly parts: Uint8Array[];
  size: number;
  readonly relocations: ObjectRelocation[];
  readonly linkOrder?: number;
}

/**
 * Cuts changed and new functions out of an after object, with what they need, into an object of its own.
 *
 * References to what stays in the kernel become undefined symbols: exported ones under their own name, all others under a name that
 * neither objtool nor modpost takes for anything (`__klpkit_ref_<number>_<name>`), which the last step turns into KLP relocations.
 */
export function extract(request: ExtractRequest): Extraction {
  const closure = closeOver(request.unit, request.comparison);
  const emitter = new Emitter(request, closure);
  return emitter.run();
}

class Emitter {
  readonly #request: ExtractRequest;
  readonly #closure: Closure;
  readonly #comparison: Comparison;
  readonly #findings: Finding[];
  readonly #sections: OutSection[] = [];
  readonly #symbols: ObjectSymbol[] = [];
  readonly #sectionSymbol = new Map<number, number>();
  readonly #named = new Map<string, number>();
  readonly #undefined = new Map<string, number>();
  readonly #placeholders = new Map<string, Placeholder>();
  readonly #exports = new Set<string>();
  readonly #needs = new Set<string>();
  readonly #provides = new Set<string>();
  readonly #reported = new Set<string>();
  /** Where included things ended up. */
  readonly #placeOfPiece = new Map<Piece, { section: number; offset: number }>();
  readonly #placeOfFragment: { part: Fragment; section: number; offset: number }[] = [];
  readonly #pool = new Map<string, { section: number; offset: number }>();
  /** Tracepoints of a module: the livepatch cannot follow their keys, so they stay off in the patched functions. */
  readonly #silent = new Set<string>();

  constructor(request: ExtractRequest, closure: Closure) {
    this.#request = request;
    this.#closure = closure;
    this.#comparison = request.comparison;
    this.#findings = [
      ...request.comparison.findings.map((finding) => inUnit(finding, request.unit)),
      ...closure.findings,
    ];
  }

  run(): Extraction {
    const { pieces, fragments } = this.#closure;
    const { comparison } = this.#request;
    const functions = this.#plan();
    // Room first, so that references may point anywhere.
    for (const piece of pieces) this.#makeRoom(piece);
    for (const fragment of fragments) this.#makeRoomForFragment(fragment);
    this.#silenceTracepoints();
    for (const piece of pieces) this.#relocatePiece(piece);
    for (const { part, section, offset } of this.#placeOfFragment)
      this.#relocate(part.section, part.start, part.end, section, offset, undefined);
    this.#writeTables();
    this.#declareEntriesWithoutEndbr(functions);
    this.#addKeysOfStaticCalls();

    const added = pieces.filter(
      (piece) => piece.kind === 'function' && !comparison.correlation.beforeOf(piece),
    );
    const data = pieces
      .filter((piece) => piece.kind === 'object')
      .map((piece) => ({ piece, copied: comparison.isFresh(piece) }));
    for (const { piece, copied } of data)
      if (!copied && comparison.after.kindOf(piece.section) !== 'rodata')
        this.#note(
          'KLP506',
          'note',
          `the new variable ${piece.name} lives in the livepatch`,
          'its value is lost when the livepatch is replaced or removed',
          'keep state that must survive in a shadow variable',
          piece.name,
        );
    const failed = this.#findings.some((finding) => finding.severity === 'error');
    const base = {
      functions,
      added,
      data,
      placeholders: [...this.#placeholders.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
      exports: [...this.#exports].sort(),
      needs: [...this.#needs].sort(),
      provides: [...this.#provides].sort(),
      findings: this.#findings,
    };
    if (functions.length === 0 || failed) return base;
    return { ...base, bytes: this.#write() };
  }

  #note(
    id: string,
    severity: Finding['severity'],
    what: string,
    why: string,
    next: string,
    symbol: string,
  ): void {
    const key = `${id}:${symbol}:${what}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#findings.push({ id, severity, what, why, next, at: { unit: this.#request.unit, symbol } });
  }

  /** The functions that the livepatch lists, each with its name and position in the running kernel. */
  #plan(): ExtractedFunction[] {
    const planned: ExtractedFunction[] = [];
    for (const { name, before, after } of this.#closure.changed) {
      if (!before || !after) continue;
      const location = this.#request.resolver.position(before);
      const symbol = `__klpkit_new_${this.#request.number}_${planned.length}_${identifier(name)}`;
      if (location.kind === 'klp') {
        planned.push({ oldName: location.name, sympos: location.sympos, newSymbol: symbol, before, after });
        continue;
      }
      this.#note(
        'KLP203',
        'error',
        `${before.name} cannot be found in the shipped kernel: ${location.kind === 'unresolved' ? location.reason : 'it has no position'}`,
        'a livepatch names the function that it replaces; without certainty about which one it is, it would replace another',
        location.kind === 'unresolved' && location.next
          ? location.next
          : 'check that the source and the kernel are of one version',
        before.name,
      );
    }
    return planned;
  }

  #section(draft: Omit<OutSection, 'parts' | 'size' | 'relocations'>): number {
    this.#sections.push({ ...draft, parts: [], size: 0, relocations: [] });
    const index = this.#sections.length - 1;
    this.#sectionSymbol.set(index, this.#symbols.length);
    this.#symbols.push({ name: '', section: index, type: STT.SECTION, binding: STB.LOCAL });
    return index;
  }

  /** A section that several contributions share, made when it is first needed. */
  #shared(name: string, flags: number, align: number, type: number = SHT.PROGBITS): number {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const index = this.#section({ name, flags, type, align, entsize: 0 });
    this.#named.set(name, index);
    return index;
  }

  #append(section: number, bytes: Uint8Array, align: number): number {
    const out = this.#sections[section];
    const padding = (align - (out.size % align)) % align;
    if (padding) out.parts.push(new Uint8Array(padding));
    const offset = out.size + padding;
    // Relocated fields are filled below; a copy keeps the input as it is.
    out.parts.push(bytes.slice());
    out.size = offset + bytes.length;
    return offset;
  }

  #makeRoom(piece: Piece): void {
    const { after } = this.#comparison;
    const { section } = piece;
    const alone = after.piecesIn(section).every((other) => other === piece || other.start === piece.start);
    const start = alone ? 0 : piece.start;
    const end = alone ? section.size : piece.start + piece.size;
    const align = alone
      ? section.align
      : Math.max(1, Math.min(section.align, piece.start & -piece.start || section.align));
    const noBits = section.type === SHT.NOBITS;
    const index = this.#section({
      name: section.name,
      flags: section.flags & (SHF.WRITE | SHF.ALLOC | SHF.EXECINSTR),
      type: noBits ? SHT.NOBITS : SHT.PROGBITS,
      align: Math.max(1, align),
      entsize: 0,
    });
    const out = this.#sections[index];
    if (noBits) out.size = end - start;
    else {
      out.parts.push(cleared(after, section, start, end));
      out.size = end - start;
    }
    const offset = piece.start - start;
    this.#placeOfPiece.set(piece, { section: index, offset });
    const isNewGlobal = piece.binding !== STB.LOCAL && !this.#comparison.correlation.beforeOf(piece);
    if (isNewGlobal) this.#provides.add(piece.name);
    const type = piece.kind === 'function' ? STT.FUNC : STT.OBJECT;
    this.#symbols.push({
      name: piece.name,
      section: index,
      value: offset,
      size: piece.size,
      type,
      binding: isNewGlobal ? STB.GLOBAL : STB.LOCAL,
    });
  }

  #makeRoomForFragment(part: Fragment): void {
    const section = this.#shared(
      part.section.name,
      part.section.flags & (SHF.WRITE | SHF.ALLOC | SHF.EXECINSTR),
      1,
    );
    const offset = this.#append(
      section,
      cleared(this.#comparison.after, part.section, part.start, part.end),
      1,
    );
    this.#placeOfFragment.push({ part, section, offset });
  }

  #relocatePiece(piece: Piece): void {
    const place = this.#placeOfPiece.get(piece);
    if (!place) return;
    const start = piece.start - place.offset;
    this.#relocate(piece.section, start, start + this.#sections[place.section].size, place.section, 0, piece);
  }

  /** Adds the relocations of `source[start, end)` to the output section, where the stretch begins at `offset`. */
  #relocate(
    source: Section,
    start: number,
    end: number,
    section: number,
    offset: number,
    owner: Piece | undefined,
  ): void {
    const { after } = this.#comparison;
    const isCode = (source.flags & SHF.EXECINSTR) !== 0;
    const code = isCode ? after.bytes(source).subarray(start, end) : undefined;
    for (const reference of after.references(source)) {
      if (reference.offset < start || reference.offset >= end) continue;
      if (code && this.#isSilentCall(reference.target)) {
        this.#dropCall(section, offset + reference.offset - start);
        continue;
      }
      const relocation = this.#resolve(reference, code, start, owner);
      if (!relocation) continue;
      this.#sections[section].relocations.push({
        offset: reference.offset - start + offset,
        type: reference.type,
        ...relocation,
      });
    }
  }

  /** The new symbol and addend of a reference, or `undefined` when it was reported. */
  #resolve(
    reference: Reference,
    code: Uint8Array | undefined,
    start: number,
    owner: Piece | undefined,
  ): { symbol: number; addend: number } | undefined {
    const { target } = reference;
    const { symbols } = this.#comparison.after;
    // Value of the symbol as written plus addend: what the field means before the processor adds its own distance.
    const raw = symbols.value[reference.symbol] + reference.addend;
    switch (target.kind) {
      case 'absolute':
        return { symbol: this.#absolute(), addend: raw };
      case 'external': {
        const symbol = this.#external(target.name, owner);
        return symbol === undefined ? undefined : { symbol, addend: reference.addend };
      }
      case 'string':
      case 'constant': {
        const place = this.#pooled(target);
        return this.#at(place, raw - target.offset);
      }
      case 'place': {
        const place = this.#placeOfFragment.find(
          ({ part }) =>
            part.section === target.section && part.start <= target.offset && target.offset <= part.end,
        );
        if (place)
          return this.#at(
            { section: place.section, offset: place.offset + target.offset - place.part.start },
            raw - target.offset,
          );
        return this.#unreachablePlace(target, owner);
      }
      case 'piece': {
        const { piece } = target;
        if (goesToCopy(this.#comparison, this.#closure, code, reference, start)) {
          const place = this.#placeOfPiece.get(piece);
          if (place) return this.#at(place, raw - piece.start);
        }
        const before = this.#comparison.correlation.beforeOf(piece);
        if (!before) {
          this.#note(
            'not-extracted',
            'error',
            `${owner?.name ?? 'the fix'} refers to ${piece.name} in ${piece.section.name}, which cannot be taken along`,
            'neither the running kernel has it nor can a livepatch carry it',
            'leave this use out of the fix',
            piece.name,
          );
          return undefined;
        }
        const symbol = this.#original(before, owner);
        return symbol === undefined ? undefined : { symbol, addend: raw - piece.start };
      }
    }
  }

  #at(place: { section: number; offset: number }, addend: number): { symbol: number; addend: number } {
    return { symbol: this.#sectionSymbol.get(place.section) as number, addend: place.offset + addend };
  }

  #unreachablePlace(target: Extract<Target, { kind: 'place' }>, owner: Piece | undefined): undefined {
    this.#note(
      'unnamed-place',
      'error',
      `${owner?.name ?? 'the fix'} refers to ${target.section.name}+0x${target.offset.toString(16)}, where no symbol is`,
      'a place without a name cannot be found in the running kernel',
      'name the object in the source, or leave this use out of the fix',
      target.section.name,
    );
    return undefined;
  }

  /** Literals keep their content and lose the linker's merging: a PC-relative reference into a merged section is ambiguous. */
  #pooled(target: Extract<Target, { kind: 'string' | 'constant' }>): { section: number; offset: number } {
    const isString = target.kind === 'string';
    const width = Math.max(1, target.section.entsize);
    const key = `${isString ? 's' : 'c'}${width}:${target.bytes}`;
    const known = this.#pool.get(key);
    if (known) return known;
    const terminator = isString ? width : 0;
    const bytes = new Uint8Array(target.bytes.length + terminator);
    for (let index = 0; index < target.bytes.length; index++) bytes[index] = target.bytes.charCodeAt(index);
    const align = isString ? width : Math.max(1, target.section.align);
    const section = this.#shared(
      isString ? '.rodata.klpkit_str' : `.rodata.klpkit_cst${align}`,
      SHF.ALLOC,
      align,
    );
    const place = { section, offset: this.#append(section, bytes, align) };
    this.#pool.set(key, place);
    return place;
  }

  #absolute(): number {
    const known = this.#undefined.get('*ABS*');
    if (known !== undefined) return known;
    this.#symbols.push({ name: '', reserved: SHN.ABS, binding: STB.LOCAL });
    this.#undefined.set('*ABS*', this.#symbols.length - 1);
    return this.#symbols.length - 1;
  }

  #external(name: string, owner: Piece | undefined): number | undefined {
    return this.#outside(name, this.#request.resolver.external(name), name, owner);
  }

  #original(before: Piece, owner: Piece | undefined): number | undefined {
    const location = this.#request.resolver.original(before);
    if (this.#comparison.before.kindOf(before.section) === 'init') {
      this.#note(
        'KLP314',
        'error',
        `${owner?.name ?? 'the fix'} refers to ${before.name}, which is initial code or data`,
        'the kernel frees that memory after boot or after the module was loaded',
        'copy what is needed into a function of its own',
        before.name,
      );
      return undefined;
    }
    return this.#outside(before.name, location, `${before.id}`, owner);
  }

  /** The undefined symbol that stands for something outside, made when it is first needed. */
  #outside(name: string, location: Location, key: string, owner: Piece | undefined): number | undefined {
    const known = this.#undefined.get(`${key}:${name}`);
    if (known !== undefined) return known;
    let symbol = name;
    switch (location.kind) {
      case 'unresolved':
        this.#note(
          'KLP301',
          'error',
          `${owner?.name ?? 'the fix'} refers to ${name}, which cannot be reached: ${location.reason}`,
          'every reference of a livepatch must lead to exactly one place of the running kernel',
          location.next ?? 'avoid the reference in the fix',
          name,
        );
        return undefined;
      case 'export':
        this.#exports.add(name);
        break;
      case 'livepatch':
        this.#needs.add(name);
        break;
      case 'klp':
        // objtool knows these by name: static calls, their keys, functions that never return.
        if (!/^__SC[TK]__/.test(name) && !this.#request.resolver.noreturns.has(name))
          symbol = `__klpkit_ref_${this.#request.number}_${this.#placeholders.size}_${identifier(name)}`;
        if (/^__SC[TK]__/.test(name) && location.object !== 'vmlinux') {
          this.#moduleStaticCall(name, location.object, owner);
          return undefined;
        }
        this.#placeholders.set(symbol, {
          symbol,
          object: location.object,
          name: location.name,
          sympos: location.sympos,
          patched: this.#request.object,
        });
        break;
    }
    this.#symbols.push({ name: symbol, binding: STB.GLOBAL });
    const index = this.#symbols.length - 1;
    this.#undefined.set(`${key}:${name}`, index);
    return index;
  }

  #moduleStaticCall(name: string, object: string, owner: Piece | undefined): void {
    this.#note(
      'KLP311',
      'error',
      `${owner?.name ?? 'the fix'} makes the static call ${name.slice('__SCT__'.length)}, whose key is in the module ${object}`,
      'static calls of a livepatch are set up before its relocations to a module are applied',
      'call through the key in the fix: static_call_query()',
      name,
    );
  }

  /** objtool stores the trampoline as key where no key symbol exists, and the kernel refuses such a module. */
  #addKeysOfStaticCalls(): void {
    for (const symbol of [...this.#symbols]) {
      if (symbol.section !== undefined || symbol.reserved !== undefined) continue;
      if (!symbol.name.startsWith('__SCT__')) continue;
      this.#external(`__SCK__${symbol.name.slice('__SCT__'.length)}`, undefined);
    }
  }

  #writeTables(): void {
    const { after } = this.#comparison;
    for (const entry of this.#closure.entries) {
      if (this.#keyInModule(entry)) continue;
      const section = this.#shared(
        entry.section.name,
        entry.section.flags & (SHF.WRITE | SHF.ALLOC | SHF.EXECINSTR),
        Math.max(1, entry.section.align),
      );
      const offset = this.#append(
        section,
        cleared(after, entry.section, entry.start, entry.start + entry.size),
        1,
      );
      const replacement = entry.section.name === '.altinstructions' ? replacementOf(after, entry) : undefined;
      for (const reference of entry.references) {
        const isReplacement = replacement !== undefined && reference === entry.references[1];
        const place = isReplacement
          ? this.#placeOfFragment.find(
              ({ part }) =>
                part.section === replacement.section &&
                part.start === replacement.start &&
                part.end === replacement.end,
            )
          : undefined;
        const raw = after.symbols.value[reference.symbol] + reference.addend;
        const relocation =
          place && replacement
            ? this.#at(place, raw - replacement.start)
            : this.#resolveOfTable(reference, entry.owner);
        if (!relocation) continue;
        this.#sections[section].relocations.push({
          offset: reference.offset - entry.start + offset,
          type: reference.type,
          ...relocation,
        });
      }
    }
  }

  /** A table describes the copy, never the original. */
  #resolveOfTable(
    reference: Reference,
    owner: Piece | undefined,
  ): { symbol: number; addend: number } | undefined {
    const { target } = reference;
    if (target.kind === 'piece') {
      const place = this.#placeOfPiece.get(target.piece);
      const raw = this.#comparison.after.symbols.value[reference.symbol] + reference.addend;
      if (place) return this.#at(place, raw - target.piece.start);
    }
    return this.#resolve(reference, undefined, 0, owner);
  }

  /** Where the key of a jump label is, and under which name. */
  #keyOf(entry: TableEntry): { name: string; location: Location | undefined } | undefined {
    const target = entry.section.name === '__jump_table' ? entry.references[2]?.target : undefined;
    if (target?.kind === 'external')
      return { name: target.name, location: this.#request.resolver.external(target.name) };
    if (target?.kind !== 'piece' || this.#placeOfPiece.has(target.piece)) return undefined;
    const before = this.#comparison.correlation.beforeOf(target.piece);
    return { name: target.piece.name, location: before && this.#request.resolver.original(before) };
  }

  /** True when the key of a jump label is in a module; anything but a tracepoint is an error then. */
  #keyInModule(entry: TableEntry): boolean {
    const key = this.#keyOf(entry);
    if (key?.location?.kind !== 'klp' || key.location.object === 'vmlinux') return false;
    if (tracepointOf(key.name) !== undefined) return true;
    this.#note(
      'KLP310',
      'error',
      `${entry.owner?.name ?? 'the fix'} tests the static key ${key.name} of the module ${key.location.object}`,
      'jump labels of a livepatch are set up before its relocations to a module are applied: the branch would stay off for ever',
      'test the key with static_key_enabled() in the fix',
      key.name,
    );
    return true;
  }

  /**
   * Makes the jump of each tracepoint whose key is in a module a no-op, as it is while the tracepoint is off. The call behind it,
   * through a static call of the same module, is then never reached and goes too.
   */
  #silenceTracepoints(): void {
    const { after } = this.#comparison;
    for (const entry of this.#closure.entries) {
      const key = this.#keyOf(entry);
      if (key?.location?.kind !== 'klp' || key.location.object === 'vmlinux') continue;
      const tracepoint = tracepointOf(key.name);
      const site = entry.references[0]?.target;
      if (tracepoint === undefined || site?.kind !== 'piece') continue;
      const place = this.#placeOfPiece.get(site.piece);
      const nop = after.arch.jumpLabelNop(after.content(site.piece).subarray(site.offset));
      if (!place || !nop) continue;
      this.#sections[place.section].parts[0].set(nop, place.offset + site.offset);
      this.#silent.add(tracepoint);
      this.#note(
        'KLP310',
        'warning',
        `the tracepoint ${tracepoint} of the module ${key.location.object} does not fire in the new ${site.piece.name}`,
        'jump labels of a livepatch are set up before its relocations to a module are applied, so the new code cannot follow the key',
        'nothing, if nobody traces it while the livepatch is on; else trace the function itself with ftrace or a probe',
        site.piece.name,
      );
    }
  }

  #isSilentCall(target: Target): boolean {
    const name = target.kind === 'external' ? target.name : target.kind === 'piece' ? target.piece.name : '';
    const tracepoint = /^__SCT__tp_func_(.*)$/.exec(name)?.[1];
    return tracepoint !== undefined && this.#silent.has(tracepoint);
  }

  /** Takes out a call or jump that is never reached: the field at `at` of the section's only part is its operand. */
  #dropCall(section: number, at: number): void {
    const code = this.#sections[section].parts[0];
    // A call becomes a no-op; a tail jump must not fall through, so it becomes a jump to itself.
    if (code[at - 1] === 0xe8) code.set([0x0f, 0x1f, 0x44, 0x00, 0x00], at - 1);
    else code.set([0xeb, 0xfe, 0x90, 0x90, 0x90], at - 1);
  }

  /**
   * A listed function's address is taken by the livepatch's own table; gcc left out the ENDBR of functions whose address nobody
   * took. ftrace enters by return, so none is needed, and objtool is told so (include/linux/objtool.h, ANNOTATE_NOENDBR).
   */
  #declareEntriesWithoutEndbr(functions: readonly ExtractedFunction[]): void {
    for (const planned of functions) {
      const place = this.#placeOfPiece.get(planned.after);
      if (!place) continue;
      this.#symbols.push({
        name: planned.newSymbol,
        section: place.section,
        value: place.offset,
        size: planned.after.size,
        type: STT.FUNC,
        binding: STB.GLOBAL,
      });
      if (!this.#request.resolver.ibt) continue;
      const code = this.#comparison.after.content(planned.after);
      if (code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa) continue;
      const section = this.#shared('.discard.noendbr', 0, 1);
      const offset = this.#append(section, new Uint8Array(4), 1);
      this.#sections[section].relocations.push({ offset, type: R_X86_64[32], ...this.#at(place, 0) });
    }
  }

  #write(): Uint8Array {
    const sections: ObjectSection[] = this.#sections.map((section) => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      data: joined(section.parts),
      size: section.size,
      align: section.align,
      entsize: section.entsize,
      relocations: section.relocations,
    }));
    return writeObject({ sections, symbols: this.#symbols });
  }
}

function tracepointOf(name: string): string | undefined {
  return /^__tracepoint_(.*)$/.exec(name)?.[1];
}

function inUnit(finding: Finding, unit: string): Finding {
  return { ...finding, at: { unit, ...finding.at } };
}

/** A copy of a stretch with the bytes under relocations zeroed, as KLP relocations demand. */
function cleared(model: Comparison['after'], section: Section, start: number, end: number): Uint8Array {
  const bytes = model.bytes(section).slice(start, end);
  for (const reference of model.references(section)) {
    if (reference.offset < start || reference.offset >= end) continue;
    bytes.fill(
      0,
      reference.offset - start,
      reference.offset - start + (model.arch.fieldWidth(reference.type) ?? 0),
    );
  }
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
