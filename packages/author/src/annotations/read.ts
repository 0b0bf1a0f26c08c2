import type { ObjectModel, Piece } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Section } from '@klpkit/formats';
import { type CallbackName, callbackNames } from '@klpkit/livepatch';
import type { AnnotatedCallback, AnnotatedState, Annotations, Ignored } from './types.ts';

/** Sections that `<klpkit/livepatch.h>` writes to, up to what they hold. */
const prefix = '.discard.klpkit.';

/**
 * Where the header of kernels since 6.19 (include/linux/livepatch_helpers.h) puts pointers to callbacks, in variables named
 * `__klp_pre_patch_callback_OBJECT`.
 */
const kernelSection = '.discard.klp_callback_ptrs';
const kernelVariable = /^__klp_(pre_patch|post_patch|pre_unpatch|post_unpatch)_callback_/;

/**
 * Reads what the author says in a unit out of its after object.
 *
 * @param unit source of the unit, for findings
 * @returns with errors for what cannot be meant: a section that no header of klpkit writes, a callback of another unit or in memory that
 *   is freed, a state without id, two callbacks of a kind
 */
export function readAnnotations(
  unit: string,
  after: ObjectModel,
): { annotations: Annotations; findings: Finding[] } {
  const reader = new Reader(unit, after);
  for (const section of after.elf.sections) reader.read(section);
  return reader;
}

class Reader {
  readonly findings: Finding[] = [];
  readonly #unit: string;
  readonly #after: ObjectModel;
  readonly #callbacks: AnnotatedCallback[] = [];
  readonly #states: AnnotatedState[] = [];
  readonly #ignored: Ignored[] = [];

  constructor(unit: string, after: ObjectModel) {
    this.#unit = unit;
    this.#after = after;
  }

  /** Sorted: compilers write variables in an order of their own. */
  get annotations(): Annotations {
    const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    const kindOf = ({ kind }: AnnotatedCallback) => callbackNames.indexOf(kind);
    return {
      callbacks: this.#callbacks.sort((a, b) => kindOf(a) - kindOf(b) || byText(a.piece.name, b.piece.name)),
      states: this.#states.sort((a, b) => a.id - b.id || a.version - b.version),
      ignored: this.#ignored.sort((a, b) => byText(a.what, b.what) || byText(a.name, b.name)),
    };
  }

  read(section: Section): void {
    if (section.name === kernelSection) {
      for (const variable of this.#variables(section)) {
        const kind = kernelVariable.exec(variable.name)?.[1];
        if (kind === undefined) this.#error(section, `${variable.name} names no kind of callback`);
        else this.#callback(section, variable, kind as CallbackName);
      }
      return;
    }
    if (!section.name.startsWith(prefix)) return;
    const what = section.name.slice(prefix.length);
    const kind = callbackNames.find((name) => name === what);
    for (const variable of this.#variables(section)) {
      if (kind) this.#callback(section, variable, kind);
      else if (what === 'state') this.#state(section, variable);
      else if (what === 'ignore_function') this.#ignore(variable, 'function');
      else if (what === 'ignore_section') this.#ignore(variable, 'section');
      else if (what === 'force_unsafe') this.#unsafe(variable);
      else {
        this.#error(section, `the section ${section.name} holds no annotation that klpkit knows`);
        return;
      }
    }
  }

  #variables(section: Section): Piece[] {
    return this.#after.piecesIn(section).filter(({ kind }) => kind === 'object');
  }

  #error(
    section: Section,
    what: string,
    next = 'use the macros of <klpkit/livepatch.h>',
    symbol?: string,
  ): void {
    this.findings.push({
      id: 'annotation-wrong',
      severity: 'error',
      what,
      next,
      at: { unit: this.#unit, section: section.name, ...(symbol === undefined ? {} : { symbol }) },
    });
  }

  #callback(section: Section, variable: Piece, kind: CallbackName): void {
    const [reference] = this.#after.referencesOf(variable);
    const target = reference?.target;
    if (target?.kind !== 'piece' || target.piece.kind !== 'function' || target.offset !== 0) {
      const name = target?.kind === 'external' ? target.name : variable.name;
      this.#error(
        section,
        `the ${kind} callback ${name} is no function of this unit`,
        'define the callback in the unit that names it',
        name,
      );
      return;
    }
    const { piece } = target;
    if (this.#after.kindOf(piece.section) === 'init') {
      this.#error(
        section,
        `the ${kind} callback ${piece.name} is initial code`,
        'take __init or __exit away: callbacks run at any time',
        piece.name,
      );
      return;
    }
    this.#callbacks.push({ kind, piece });
  }

  #state(section: Section, variable: Piece): void {
    const bytes = this.#after.content(variable);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = this.#after.elf.littleEndian;
    if (bytes.length !== 16) {
      this.#error(section, `${variable.name} is no state: it has ${bytes.length} bytes`);
      return;
    }
    const id = view.getBigUint64(0, little);
    if (id === 0n || id > BigInt(Number.MAX_SAFE_INTEGER)) {
      const why = id === 0n ? ', which ends the list of states' : ', which is beyond 2^53';
      this.#error(section, `a state has the id ${id}${why}`, 'give it another id');
      return;
    }
    this.#states.push({ id: Number(id), version: view.getUint32(8, little) });
  }

  #texts(variable: Piece): [string, string] {
    const [name = '', reason = ''] = new TextDecoder().decode(this.#after.content(variable)).split('\0');
    return [name, reason];
  }

  #ignore(variable: Piece, what: Ignored['what']): void {
    const [name, reason] = this.#texts(variable);
    this.#ignored.push({ what, name, reason });
  }

  #unsafe(variable: Piece): void {
    const [name, macro] = this.#texts(variable);
    this.findings.push({
      id: 'annotation-without-effect',
      severity: 'note',
      what: `${macro}(${name}) has no effect`,
      why: 'the livepatching of the kernel knows only to force a whole transition, when it is under way',
      next: 'take it out; where a transition does not end, echo 1 to the force file of the livepatch and read klpkit explain KLP215 first',
      at: { unit: this.#unit, symbol: name },
    });
  }
}
