import { type ObjectModel, type Piece, type Placement, readPlacement } from '@klpkit/compare';
import {
  type Dwarf,
  FormatError,
  type FunctionInstance,
  type InlinedCall,
  readDwarf,
  type SourceFunction,
  type SourceLine,
} from '@klpkit/formats';
import { debugModel } from '../compile/debug.ts';
import { shownPlace } from '../fix/places.ts';
import { linesOf } from './edits.ts';

/** Where the source of one object is: what {@link openSource} works on. */
export interface SourceRequest {
  /** The object as compared, without debug information. */
  readonly object: ObjectModel;
  /** The same unit with debug information (`-g`); absent when that was not done or failed. */
  readonly debug: Uint8Array | undefined;
  /** What gcc inlined and cloned (`-fdump-ipa-clones`), where that is known. */
  readonly ipaClones?: string | undefined;
  /** Absolute folders that stand for the kernel tree: the source, the private copy of a fix, the build folder. */
  readonly roots: readonly string[];
  /** The text of a file of the tree by its relative path. */
  readonly read: (path: string) => string | undefined;
}

/** A line of a file of the kernel tree; the path is relative to the tree. */
export interface TreeLine {
  readonly path: string;
  readonly line: number;
}

/** One step of a chain of inlined calls: `function` was inlined where `call` is. */
export interface InlineStep {
  readonly function: string;
  readonly call: TreeLine | undefined;
}

/** The source of one function's code. */
export interface FunctionSource {
  readonly instance: FunctionInstance | undefined;
  /** The line of the instruction at `offset` bytes from the function's start. */
  lineAt(offset: number): TreeLine | undefined;
  /** The inlined calls around it, the outermost first. */
  inlinesAt(offset: number): readonly InlineStep[];
}

/** The source behind one object. */
export interface SourceSide {
  /** Why there are no source lines for any function. */
  readonly problem: string | undefined;
  /** Functions that the unit defines, inlined ones too. */
  readonly functions: readonly SourceFunction[];
  /** The source of a function of the object, or why there is none. */
  of(piece: Piece): FunctionSource | { readonly problem: string };
  place(line: SourceLine | undefined): TreeLine | undefined;
  /** Where the compiler put each function; undefined when what tells of it is damaged. Read when it is first asked for. */
  placement(): Placement | undefined;
  /** Lines of a file of the tree. */
  lines(path: string): readonly string[] | undefined;
}

/** The path below one of the folders, free of `.` and `..`; `undefined` for a file outside all of them. */
export function treePath(file: string, roots: readonly string[]): string | undefined {
  const parts: string[] = [];
  for (const part of file.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '') parts.pop();
    else if (part !== '.' && (part !== '' || parts.length === 0)) parts.push(part);
  }
  const plain = parts.join('/');
  if (!plain.startsWith('/')) return plain;
  const best = roots
    .map((root) => root.replace(/\/*$/, '/'))
    .filter((root) => plain.startsWith(root))
    .sort((a, b) => b.length - a.length)[0];
  return best === undefined ? undefined : plain.slice(best.length);
}

/**
 * Opens the source of an object by the debug information of its twin. A damaged or missing twin costs the source lines,
 * never the report: the reason is in `problem`.
 */
export function openSource(request: SourceRequest): SourceSide {
  const { roots } = request;
  const texts = new Map<string, readonly string[] | undefined>();
  const lines = (path: string) => {
    if (!texts.has(path)) {
      const text = request.read(path);
      texts.set(path, text === undefined ? undefined : linesOf(text));
    }
    return texts.get(path);
  };
  const place = (found: SourceLine | undefined): TreeLine | undefined => {
    const line = found && shownPlace(found);
    const path = line && treePath(line.file, roots);
    return line && path !== undefined ? { path, line: line.line } : undefined;
  };
  const twin = openTwin(request.debug);
  let placed: { readonly placement: Placement | undefined } | undefined;
  const placement = () => {
    placed ??= { placement: placementOf('problem' in twin ? request.object : twin.model, request.ipaClones) };
    return placed.placement;
  };
  if ('problem' in twin)
    return {
      problem: twin.problem,
      functions: [],
      of: () => ({ problem: twin.problem }),
      place,
      placement,
      lines,
    };
  const { model, dwarf, functions } = twin;
  return {
    problem: undefined,
    functions,
    place,
    placement,
    lines,
    of(piece) {
      const own = model
        .named(piece.name)
        .find((other) => other.kind === 'function' && other.section.name === piece.section.name);
      if (!own) return { problem: `${piece.name} is not in the object with debug information` };
      if (!sameBytes(model.content(own), request.object.content(piece)))
        return { problem: `the code of ${piece.name} is another in the object with debug information` };
      const section = own.section.index;
      return {
        instance: dwarf.instanceAt(section, own.start),
        lineAt: (offset) => place(dwarf.lineAt(section, own.start + offset)),
        inlinesAt: (offset) =>
          dwarf.inlinesAt(section, own.start + offset).map((call) => inlineStep(call, place)),
      };
    },
  };
}

/** An inlined call in the terms of the tree. */
export function inlineStep(call: InlinedCall, place: SourceSide['place']): InlineStep {
  return { function: call.function.name, call: place(call.call) };
}

/** A reason less is no reason to fail. */
function placementOf(model: ObjectModel, ipaClones: string | undefined): Placement | undefined {
  try {
    return readPlacement(model, { ipaClones });
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function openTwin(
  debug: Uint8Array | undefined,
): { model: ObjectModel; dwarf: Dwarf; functions: readonly SourceFunction[] } | { problem: string } {
  if (!debug) return { problem: 'the unit was not compiled with debug information' };
  try {
    const model = debugModel(debug);
    const dwarf = readDwarf(model.elf);
    // Read all of it now: a damaged object shows itself here, not in the middle of a page.
    const [first] = model.elf.sections;
    if (first) dwarf.lines(first.index);
    const { functions } = dwarf;
    if (functions.length === 0) return { problem: 'the object has no debug information' };
    return { model, dwarf, functions };
  } catch (error) {
    if (error instanceof FormatError) return { problem: error.message };
    throw error;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
