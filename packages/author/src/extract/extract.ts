import {
  type Fragment,
  isPrefixName,
  type ObjectModel,
  type Piece,
  type Reference,
  replacementOf,
  type TableEntry,
  type Target,
} from '@klpkit/compare';
import { R_X86_64, type Section, SHF, SHT, STB, STT } from '@klpkit/formats';
import { type Closure, closeOver, goesToCopy, referencesIn } from './closure.ts';
import { reachedOnlyBy, type Stretch, trap } from './dead-code.ts';
import { ObjectBuilder, type OutPlace, type OutReference } from './emit.ts';
import { leftOut } from './left-out.ts';
import { Notes } from './notes.ts';
import { identifier, Outside } from './outside.ts';
import { isInModule, keyOf, probedTracepoint, tracepointOf } from './tracepoints.ts';
import type { ExtractedFunction, Extraction, ExtractRequest } from './types.ts';

const kept = SHF.WRITE | SHF.ALLOC | SHF.EXECINSTR;

/**
 * Cuts changed and new functions out of an after object, with what they need, into an object of its own.
 *
 * References to what stays in the kernel become undefined symbols: exported ones under their own name, all others under a name that
 * neither objtool nor modpost takes for anything (`__klpkit_ref_<number>_…`), which the last step turns into KLP relocations.
 */
export function extract(request: ExtractRequest): Extraction {
  return new Extractor(request).run();
}

class Extractor {
  readonly #request: ExtractRequest;
  readonly #closure: Closure;
  readonly #builder = new ObjectBuilder();
  readonly #notes: Notes;
  readonly #outside: Outside;
  /** Where included things ended up. */
  readonly #pieces = new Map<Piece, OutPlace>();
  /** The stretch of its old section that was copied for each piece. */
  readonly #stretches = new Map<Piece, Fragment>();
  /** The copied code or data of each piece, which may still be changed. */
  readonly #bytes = new Map<Piece, Uint8Array>();
  readonly #fragments: { readonly part: Fragment; readonly place: OutPlace; readonly bytes: Uint8Array }[] =
    [];
  /** Tracepoints of a module: the livepatch cannot follow their keys, so they stay off in the patched functions. */
  readonly #silent = new Set<string>();
  /** What the before object takes the address of: the shipped code does so too, and knows what for. */
  #takenBefore: ReadonlySet<Piece | string> | undefined;
  /** The jumps that were made no-ops for that, and the code that nothing reaches since, in bytes from each function's start. */
  readonly #silenced = new Map<Piece, Stretch[]>();

  constructor(request: ExtractRequest) {
    this.#request = request;
    this.#notes = new Notes(request.unit);
    this.#outside = new Outside(request, this.#builder, this.#notes);
    const callbacks = (request.callbacks ?? []).map(({ piece }) => piece);
    this.#closure = closeOver(request.unit, request.comparison, request.wanted, callbacks);
    for (const finding of [...request.comparison.findings, ...this.#closure.findings])
      this.#notes.add(finding);
  }

  run(): Extraction {
    const { comparison } = this.#request;
    const { pieces, fragments } = this.#closure;
    const functions = this.#plan();
    // Room first, so that references may point anywhere.
    for (const piece of pieces) this.#copyPiece(piece);
    for (const part of fragments) this.#copyFragment(part);
    this.#silenceTracepoints();
    for (const piece of pieces) this.#relocatePiece(piece);
    for (const { part, place, bytes } of this.#fragments)
      for (const reference of referencesIn(comparison, part))
        this.#relocate(
          reference,
          { ...place, offset: place.offset + reference.offset - part.start },
          bytes,
          part.start,
          undefined,
        );
    for (const entry of this.#closure.entries) this.#copyEntry(entry);
    for (const planned of functions) this.#declare(planned.newSymbol, planned.after);
    const callbacks = (this.#request.callbacks ?? []).map(({ kind, piece }, index) => {
      const symbol = `__klpkit_callback_${this.#request.number}_${index}_${identifier(piece.name)}`;
      this.#declare(symbol, piece);
      return { kind, symbol };
    });
    this.#addKeysOfStaticCalls();

    const data = pieces
      .filter((piece) => piece.kind === 'object')
      .map((piece) => ({ piece, copied: comparison.isFresh(piece) }));
    for (const { piece, copied } of data)
      if (!copied && comparison.after.kindOf(piece.section) !== 'rodata')
        this.#notes.add({
          id: 'KLP506',
          severity: 'note',
          what: `the new variable ${piece.name} lives in the livepatch`,
          why: 'its value is lost when the livepatch is replaced or removed',
          next: 'keep state that must survive in a shadow variable',
          at: { symbol: piece.name },
        });
    const named = new Set(this.#notes.all().flatMap(({ at }) => at?.symbol ?? []));
    for (const finding of leftOut(comparison, this.#closure, named)) this.#notes.add(finding);
    const isNew = (piece: Piece) => !comparison.correlation.beforeOf(piece);
    return {
      functions,
      callbacks,
      added: pieces.filter((piece) => piece.kind === 'function' && isNew(piece)),
      data,
      placeholders: [...this.#outside.placeholders.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
      exports: [...this.#outside.exports].sort(),
      needs: [...this.#outside.needs].sort(),
      provides: pieces
        .filter((piece) => piece.binding !== STB.LOCAL && isNew(piece))
        .map((piece) => piece.name)
        .sort(),
      findings: this.#notes.all(),
      ...(pieces.length > 0 ? { bytes: this.#builder.write() } : {}),
    };
  }

  /** The functions that the livepatch lists, each with its name and position in the running kernel. */
  #plan(): ExtractedFunction[] {
    const planned: ExtractedFunction[] = [];
    for (const { name, before, after } of this.#closure.changed) {
      if (!before || !after) continue;
      const location = this.#request.resolver.position(before);
      if (location.kind === 'klp') {
        const newSymbol = `__klpkit_new_${this.#request.number}_${planned.length}_${identifier(name)}`;
        planned.push({ oldName: location.name, sympos: location.sympos, newSymbol, before, after });
        continue;
      }
      const unresolved = location.kind === 'unresolved' ? location : undefined;
      this.#notes.add({
        id: 'KLP203',
        severity: 'error',
        what: `${before.name} cannot be found in the shipped kernel: ${unresolved?.reason ?? 'it has no position'}`,
        why: 'a livepatch names the function that it replaces; without certainty about which one it is, it would replace another',
        next: unresolved?.next ?? 'check that the source and the kernel are of one version',
        at: { symbol: before.name },
      });
    }
    return planned;
  }

  #copyPiece(piece: Piece): void {
    const { after, correlation } = this.#request.comparison;
    const { section } = piece;
    const alone = after
      .piecesIn(section)
      .every((other) => other.start === piece.start || isPrefixName(other.name));
    // A section of its own comes whole: the padding before a function belongs to it.
    const start = alone ? 0 : piece.start;
    const end = alone ? section.size : piece.start + piece.size;
    const align =
      alone || piece.start === 0 ? section.align : Math.min(section.align, piece.start & -piece.start);
    const bytes = section.type === SHT.NOBITS ? undefined : this.#cleared(section, start, end);
    const index = this.#builder.addSection({
      name: section.name,
      flags: section.flags & kept,
      align,
      bytes,
      size: end - start,
    });
    const offset = piece.start - start;
    this.#pieces.set(piece, { section: index, offset });
    this.#stretches.set(piece, { section, start, end });
    if (bytes) this.#bytes.set(piece, bytes);
    const isNewGlobal = piece.binding !== STB.LOCAL && !correlation.beforeOf(piece);
    this.#builder.addSymbol({
      name: piece.name,
      section: index,
      value: offset,
      size: piece.size,
      type: piece.kind === 'function' ? STT.FUNC : STT.OBJECT,
      binding: isNewGlobal ? STB.GLOBAL : STB.LOCAL,
    });
  }

  #copyFragment(part: Fragment): void {
    const bytes = this.#cleared(part.section, part.start, part.end);
    // Code and replacements are found by their place; constants may be read by instructions that want them aligned.
    const align = this.#request.comparison.after.kindOf(part.section) === 'rodata' ? part.section.align : 1;
    const place = this.#builder.append(
      part.section.name,
      part.section.flags & kept,
      Math.max(1, align),
      bytes,
    );
    this.#fragments.push({ part, place, bytes });
  }

  /** A copy of a stretch with the bytes under relocations zeroed, as KLP relocations demand. */
  #cleared(section: Section, start: number, end: number): Uint8Array {
    const { after } = this.#request.comparison;
    const bytes = after.bytes(section).slice(start, end);
    for (const reference of referencesIn(this.#request.comparison, { section, start, end })) {
      const at = reference.offset - start;
      bytes.fill(0, at, at + (after.arch.fieldWidth(reference.type) ?? 0));
    }
    return bytes;
  }

  #relocatePiece(piece: Piece): void {
    const place = this.#pieces.get(piece);
    const stretch = this.#stretches.get(piece);
    if (!place || !stretch) return;
    for (const reference of referencesIn(this.#request.comparison, stretch))
      this.#relocate(
        reference,
        { section: place.section, offset: reference.offset - stretch.start },
        this.#bytes.get(piece),
        stretch.start,
        piece,
      );
  }

  /** Carries one reference over to `at`; `bytes` is the copied stretch, which begins at `start` of the old section. */
  #relocate(
    reference: Reference,
    at: OutPlace,
    bytes: Uint8Array | undefined,
    start: number,
    owner: Piece | undefined,
  ): void {
    const code = owner?.kind === 'object' ? undefined : bytes;
    // A jump into a cold part has a relocation, which would write over the no-op.
    if (owner && this.#isSilenced(owner, reference.offset - owner.start)) return;
    const silent = code && probedTracepoint(reference.target);
    if (silent && this.#silent.has(silent)) {
      dropCall(code, reference.offset - start);
      return;
    }
    const to = this.#resolve(reference, code, start, owner);
    if (to) this.#builder.relocate(at, reference.type, to);
  }

  /** What a reference becomes, or `undefined` when it cannot be carried over, which is reported. */
  #resolve(
    reference: Reference,
    code: Uint8Array | undefined,
    start: number,
    owner: Piece | undefined,
  ): OutReference | undefined {
    const { comparison } = this.#request;
    const { target } = reference;
    const user = owner?.name ?? 'the fix';
    // The symbol's value plus the addend as written: what the field means before the processor adds its own distance.
    const written = comparison.after.symbols.value[reference.symbol] + reference.addend;
    switch (target.kind) {
      case 'absolute':
        return this.#builder.referAbsolute(written);
      case 'external': {
        if (!this.#isCall(reference, code, start)) this.#checkEntry({ name: target.name }, target.name, user);
        const symbol = this.#outside.external(target.name, user);
        return symbol === undefined ? undefined : { symbol, addend: reference.addend };
      }
      case 'string':
      case 'constant':
        return this.#builder.refer(this.#literal(target), written - target.offset);
      case 'place': {
        const place = this.#placeInFragments(target);
        if (place) return this.#builder.refer(place, written - target.offset);
        this.#notes.add({
          id: 'unnamed-place',
          severity: 'error',
          what: `${user} refers to ${target.section.name}+0x${target.offset.toString(16)}, where no symbol is`,
          why: 'a place without a name cannot be found in the running kernel',
          next: 'name the object in the source, or leave this use out of the fix',
          at: { symbol: target.section.name },
        });
        return undefined;
      }
      case 'piece': {
        const { piece } = target;
        const place = this.#pieces.get(piece);
        if (place && goesToCopy(comparison, this.#closure, code, reference, start))
          return this.#builder.refer(place, written - piece.start);
        const before = comparison.correlation.beforeOf(piece);
        if (!before) {
          this.#notes.add({
            id: 'not-extracted',
            severity: 'error',
            what: `${user} refers to ${piece.name} in ${piece.section.name}, which cannot be taken along`,
            why: 'neither the running kernel has it nor can a livepatch carry it',
            next: 'leave this use out of the fix',
            at: { symbol: piece.name },
          });
          return undefined;
        }
        if (!this.#isCall(reference, code, start)) this.#checkEntry({ piece: before }, before.name, user);
        const symbol = this.#outside.original(before, user);
        return symbol === undefined ? undefined : { symbol, addend: written - piece.start };
      }
    }
  }

  #isCall(reference: Reference, code: Uint8Array | undefined, start: number): boolean {
    const { arch } = this.#request.comparison.after;
    return code !== undefined && arch.isBranchOperand(code, reference.offset - start, reference.type);
  }

  /** A new pointer to a function that the shipped kernel does not expect to be called through one (IBT). */
  #checkEntry(
    which: { readonly piece: Piece } | { readonly name: string },
    name: string,
    user: string,
  ): void {
    const problem = this.#request.resolver.entryProblem?.(which);
    if (problem === undefined) return;
    this.#takenBefore ??= addressesTaken(this.#request.comparison.before);
    if (this.#takenBefore.has('piece' in which ? which.piece : which.name)) return;
    this.#notes.add({
      id: 'KLP118',
      severity: 'error',
      what: `${user} takes the address of ${name}, and ${problem}`,
      why: 'a processor that enforces IBT stops the kernel at an indirect call that does not land on ENDBR',
      next: `add a small function to the fix that calls ${name}, and take its address instead`,
      at: { symbol: name },
    });
  }

  #placeInFragments(target: Extract<Target, { kind: 'place' }>): OutPlace | undefined {
    const found = this.#fragments.find(
      ({ part }) =>
        part.section === target.section && part.start <= target.offset && target.offset <= part.end,
    );
    return (
      found && { section: found.place.section, offset: found.place.offset + target.offset - found.part.start }
    );
  }

  #literal(target: Extract<Target, { kind: 'string' | 'constant' }>): OutPlace {
    const isString = target.kind === 'string';
    const width = Math.max(1, target.section.entsize);
    const bytes = new Uint8Array(target.bytes.length + (isString ? width : 0));
    for (let index = 0; index < target.bytes.length; index++) bytes[index] = target.bytes.charCodeAt(index);
    return this.#builder.literal(bytes, isString, isString ? width : Math.max(1, target.section.align));
  }

  #copyEntry(entry: TableEntry): void {
    const { comparison } = this.#request;
    if (this.#keyInModule(entry)) return;
    const site = entry.references[0]?.target;
    if (site?.kind === 'piece' && this.#isSilenced(site.piece, site.offset)) return;
    const bytes = this.#cleared(entry.section, entry.start, entry.start + entry.size);
    const align = entry.size % entry.section.align === 0 ? entry.section.align : 1;
    const place = this.#builder.append(
      entry.section.name,
      entry.section.flags & kept,
      Math.max(1, align),
      bytes,
    );
    const replacement =
      entry.section.name === '.altinstructions' ? replacementOf(comparison.after, entry) : undefined;
    for (const reference of entry.references) {
      const to =
        replacement && reference === entry.references[1]
          ? this.#referToReplacement(reference, replacement)
          : this.#resolveInTable(reference, entry.owner);
      if (to)
        this.#builder.relocate(
          { ...place, offset: place.offset + reference.offset - entry.start },
          reference.type,
          to,
        );
    }
  }

  /** Replacements are cut to their own length, so an empty one may begin where another does: both ends must agree. */
  #referToReplacement(reference: Reference, replacement: Fragment): OutReference | undefined {
    const found = this.#fragments.find(
      ({ part }) =>
        part.section === replacement.section &&
        part.start === replacement.start &&
        part.end === replacement.end,
    );
    const { after } = this.#request.comparison;
    const written = after.symbols.value[reference.symbol] + reference.addend;
    return found && this.#builder.refer(found.place, written - replacement.start);
  }

  /** A table describes the copy, never the original. */
  #resolveInTable(reference: Reference, owner: Piece | undefined): OutReference | undefined {
    const { target } = reference;
    const place = target.kind === 'piece' ? this.#pieces.get(target.piece) : undefined;
    if (target.kind !== 'piece' || !place) return this.#resolve(reference, undefined, 0, owner);
    const written = this.#request.comparison.after.symbols.value[reference.symbol] + reference.addend;
    return this.#builder.refer(place, written - target.piece.start);
  }

  #keyOf(entry: TableEntry) {
    const { comparison, resolver } = this.#request;
    return keyOf(entry, comparison, resolver, (target) => this.#pieces.has(target.piece));
  }

  /** True when the key of a jump label is in a module; for anything but a tracepoint that is an error. */
  #keyInModule(entry: TableEntry): boolean {
    const key = this.#keyOf(entry);
    if (!key || !isInModule(key)) return false;
    if (tracepointOf(key.name) === undefined)
      this.#notes.add({
        id: 'KLP310',
        severity: 'error',
        what: `${entry.owner?.name ?? 'the fix'} tests the static key ${key.name} of the module ${this.#request.object}`,
        why: 'jump labels of a livepatch are set up before its relocations to a module are applied: the branch would stay off for ever',
        next: 'test the key with static_key_enabled() in the fix',
        at: { symbol: key.name },
      });
    return true;
  }

  /**
   * Makes the jump of each tracepoint whose key is in a module a no-op, as it is while the tracepoint is off. The code behind it, a
   * call of the same module's probes among it, is then never reached and goes too: objtool warns of code that nothing reaches.
   */
  #silenceTracepoints(): void {
    const { comparison, resolver } = this.#request;
    const { arch } = comparison.after;
    const names = new Map<Piece, Set<string>>();
    const jumps = new Map<Piece, Map<number, Uint8Array>>();
    for (const entry of this.#closure.entries) {
      const key = this.#keyOf(entry);
      const site = entry.references[0]?.target;
      if (!key || !isInModule(key) || site?.kind !== 'piece') continue;
      const tracepoint = tracepointOf(key.name);
      const nop = arch.jumpLabelNop(comparison.after.content(site.piece).subarray(site.offset));
      if (tracepoint === undefined || !nop) continue;
      jumps.set(site.piece, (jumps.get(site.piece) ?? new Map()).set(site.offset, nop));
      this.#silent.add(tracepoint);
      names.set(site.piece, (names.get(site.piece) ?? new Set()).add(tracepoint));
    }
    for (const [piece, all] of names) {
      const list = [...all].sort();
      this.#notes.add({
        id: 'KLP310',
        severity: 'warning',
        what: `the ${list.length === 1 ? 'tracepoint' : 'tracepoints'} ${list.join(', ')} of the module ${list.length === 1 ? 'does' : 'do'} not fire in the new ${piece.name}`,
        why: 'jump labels of a livepatch are set up before its relocations to a module are applied, so the new code cannot follow the key',
        next: 'nothing, if nobody traces that while the livepatch is on; else trace the function itself with ftrace or a probe',
        at: { symbol: piece.name },
      });
    }
    for (const [piece, nops] of jumps) {
      const bytes = this.#bytes.get(piece);
      const base = this.#pieces.get(piece)?.offset ?? 0;
      const dead = reachedOnlyBy(comparison, piece, new Set(nops.keys()), resolver.noreturns);
      for (const { start, end } of dead) bytes?.fill(trap, base + start, base + end);
      for (const [start, nop] of nops) bytes?.set(nop, base + start);
      const sites = [...nops].map(([start, nop]) => ({ start, end: start + nop.length }));
      this.#silenced.set(piece, [...dead, ...sites]);
    }
  }

  #isSilenced(piece: Piece, offset: number): boolean {
    return this.#silenced.get(piece)?.some(({ start, end }) => start <= offset && offset < end) ?? false;
  }

  /**
   * Gives a listed function or a callback the global name that the livepatch's table refers to. gcc leaves ENDBR out of functions whose address
   * nobody takes; ftrace enters by return, so none is needed, and objtool is told so (include/linux/objtool.h, ANNOTATE_NOENDBR).
   */
  #declare(symbol: string, piece: Piece): void {
    const { comparison, resolver } = this.#request;
    const place = this.#pieces.get(piece);
    if (!place) return;
    this.#builder.addSymbol({
      name: symbol,
      section: place.section,
      value: place.offset,
      size: piece.size,
      type: STT.FUNC,
      binding: STB.GLOBAL,
    });
    const { arch } = comparison.after;
    if (!resolver.ibt || arch.isIndirectTarget(comparison.after.content(piece))) return;
    const entry = this.#builder.append('.discard.noendbr', 0, 1, new Uint8Array(4));
    this.#builder.relocate(entry, R_X86_64[32], this.#builder.refer(place, 0));
  }

  /** objtool stores the trampoline as key where no key symbol exists, and the kernel refuses such a module. */
  #addKeysOfStaticCalls(): void {
    for (const name of this.#builder.undefinedNames())
      if (name.startsWith('__SCT__')) this.#outside.external(`__SCK__${name.slice('__SCT__'.length)}`, name);
  }
}

/** Functions and variables of an object, and names of other objects', whose address it takes. */
function addressesTaken(model: ObjectModel): Set<Piece | string> {
  const taken = new Set<Piece | string>();
  for (const section of model.elf.sections) {
    const kind = model.kindOf(section);
    if (kind === 'table' || kind === 'ignored' || kind === 'objtool') continue;
    const code = section.flags & SHF.EXECINSTR ? model.bytes(section) : undefined;
    for (const { target, offset, type } of model.references(section)) {
      if (code && model.arch.isBranchOperand(code, offset, type)) continue;
      if (target.kind === 'piece') taken.add(target.piece);
      if (target.kind === 'external') taken.add(target.name);
    }
  }
  return taken;
}

/** Takes out a call or tail jump that is never reached; `at` is the place of its operand. */
function dropCall(code: Uint8Array, at: number): void {
  // A call becomes a no-op; a tail jump must not fall through, so it becomes a jump to itself. A conditional one has two bytes of
  // operation before its operand.
  if (code[at - 1] === 0xe8) code.set([0x0f, 0x1f, 0x44, 0x00, 0x00], at - 1);
  else if (code[at - 1] === 0xe9) code.set([0xeb, 0xfe, 0x90, 0x90, 0x90], at - 1);
  else code.set([0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00], at - 2);
}
