import {
  bodyOf,
  codeLines,
  definitionOf,
  externOf,
  headTokens,
  isMadeByMacro,
  type Rename,
  renamed,
  withLength,
  withoutAttributes,
} from './declare.ts';
import type { Fate } from './fates.ts';
import { Group } from './group.ts';
import { isCondition, type Part, sourceOf, type UnitText } from './model.ts';
import { kernelPrefix, type Naming, nameUnit, prefix } from './naming.ts';
import type { SourcePlan } from './plan.ts';
import type { Syntax } from './syntax.ts';
import { tokensOf } from './tokens.ts';

/** A C file of a source livepatch. */
export interface WrittenUnit {
  readonly text: string;
  /** The C functions that take the place of the kernel's, by the name in the kernel. */
  readonly replacements: ReadonlyMap<string, string>;
  /** Lines of the functions that are replaced or that the fix edits, and of all that was written, comments and empty lines apart. */
  readonly lines: { readonly patched: number; readonly all: number };
  /** Headers of the folder, by path. */
  readonly headers: ReadonlyMap<string, string>;
  /** C names of static variables of functions, with the number in {@link SourcePlan.shared}. */
  readonly shared: ReadonlyMap<string, number>;
  /** C names of the kernel's own functions where a header brings one as well, with the name in the kernel. */
  readonly pointers: ReadonlyMap<string, string>;
}

/** What {@link writeUnit} writes from. */
export interface WriteInput {
  readonly source: string;
  readonly object: string;
  readonly text: UnitText;
  readonly plan: SourcePlan;
  readonly syntax: Syntax;
  /** A name that a header declares needs no declaration of its own. */
  readonly isDeclared: (name: string) => boolean;
  /** A name that the compiler looked for in vain: a macro puts it together, so that it cannot be another. */
  readonly keepsName: (name: string) => boolean;
  /** Functions that headers bring and the kernel has, to which pointers must be the kernel's. */
  readonly pointed: ReadonlySet<string>;
  /** Lengths of arrays that are declared without one. */
  readonly lengthOf: (variable: string) => number | undefined;
  /** Whole fixed headers that the file takes along, by path in the tree. */
  readonly headers: ReadonlyMap<string, string>;
  /** Directives that are left out: headers that nothing needs. */
  readonly dropped: ReadonlySet<Part>;
  /** Keep the lines of what is dropped, so that all others keep their numbers. */
  readonly keepsLines?: boolean;
  /** Static keys are read in memory: the kernel cannot make jumps of them for a module's keys. */
  readonly readsKeys: boolean;
  /** Made for this kernel, from these patches. */
  readonly madeFor: string;
  /** Makes names of functions that several files of one livepatch replace different. */
  readonly nameOf: (name: string) => string;
}

/** Writes a unit's part of a source livepatch. */
export function writeUnit(input: WriteInput): WrittenUnit {
  return new Writer(input).run();
}

class Writer {
  readonly #input: WriteInput;
  readonly #naming: Naming;
  readonly #out: string[] = [];
  readonly #headers = new Map<string, string>();
  #patched = 0;
  #reason = '';

  constructor(input: WriteInput) {
    this.#input = input;
    this.#naming = nameUnit(input);
  }

  run(): WrittenUnit {
    const body = this.#body();
    const text = `${[...this.#heading(), ...body]
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trimEnd()}\n`;
    return {
      text,
      replacements: this.#naming.replacements,
      lines: { patched: this.#patched, all: codeLines(text) },
      shared: this.#naming.shared,
      pointers: this.#naming.pointers,
      headers: this.#headers,
    };
  }

  #commentOf({ item }: Part): string {
    return this.#input.text.textOf(item.file).slice(item.commentStart, item.start);
  }

  #heading(): string[] {
    const { source, object, madeFor, text } = this.#input;
    const first = text.textOf(source).split('\n', 1)[0];
    const license = /SPDX-License-Identifier:\s*(.*?)\s*(\*\/)?$/.exec(first)?.[1] ?? 'GPL-2.0';
    return [
      `// SPDX-License-Identifier: ${license}`,
      '/*',
      ` * Livepatch of ${source} in ${object}, ${madeFor}.`,
      ' *',
      ` * ${prefix}NAME takes the place of NAME, or is a copy of it; all other names are the kernel's. Text and comments`,
      ` * are those of the fixed source. klpkit.json says where the names declared here are found.`,
      ...(this.#naming.pointers.size > 0
        ? [
            ` * ${kernelPrefix}NAME is the kernel's own NAME, since a pointer to that of a header would end with the livepatch.`,
          ]
        : []),
      ' */',
      '',
    ];
  }

  #body(): string[] {
    const { text, plan, dropped, keepsLines } = this.#input;
    const groups: Group[] = [];
    let firstCode = text.parts.findIndex(({ item, fromHeader }) => item.kind === 'code' && !fromHeader);
    if (firstCode < 0) firstCode = text.parts.length;
    const lastInclude = text.parts.findLastIndex(
      ({ item }, index) => index < firstCode && item.word === 'include',
    );
    let hasAdded = false;
    const emit = (lines: readonly string[]) => {
      for (const group of groups) group.open(this.#out);
      this.#out.push(...lines);
      for (const group of groups) group.isEmpty = false;
    };
    const headerParts = text.parts.filter(({ fromHeader }) => fromHeader);
    const addAfterIncludes = () => {
      if (hasAdded) return;
      hasAdded = true;
      this.#out.push(...this.#afterIncludes());
      for (const part of headerParts) {
        const lines = this.#linesOf(part);
        if (lines.length > 0) this.#out.push(...lines);
      }
    };
    text.parts.forEach((part, index) => {
      const { item } = part;
      if (part.fromHeader) return;
      if (isCondition(item)) {
        if (item.word.startsWith('if')) groups.push(new Group(sourceOf(this.#input.text, part)));
        else if (item.word === 'endif') groups.pop()?.close(this.#out, sourceOf(this.#input.text, part));
        else groups.at(-1)?.turn(this.#out, sourceOf(this.#input.text, part));
        return;
      }
      if (item.kind === 'code')
        for (const group of groups) if (part.expanded.trim() === '') group.hasInactive = true;
      if (index > lastInclude && groups.length === 0) addAfterIncludes();
      if (item.word === 'include') {
        if (dropped.has(part)) {
          if (keepsLines) emit(['/**/']);
          return;
        }
        if (this.#input.readsKeys && !this.#out.includes(keysBlock)) this.#out.push(keysBlock);
        this.#reason = '';
        if (this.#headers.size === 0) this.#out.push(...this.#wholeHeaders());
        emit([sourceOf(this.#input.text, part)]);
        return;
      }
      const isConfiguration =
        item.word === 'define' && index < lastInclude && part.macro !== 'CREATE_TRACE_POINTS';
      if (isConfiguration || (item.word === 'undef' && index < lastInclude)) {
        emit([sourceOf(this.#input.text, part)]);
        return;
      }
      if (!plan.modes.has(part) && !this.#naming.before.has(part)) return;
      const lines = this.#linesOf(part);
      if (lines.length > 0) emit(lines);
    });
    return this.#out;
  }

  /**
   * Fixed headers come first, so that their guards keep the kernel's old ones out; one beside the source is found under its own name
   * where the source includes it.
   */
  #wholeHeaders(): string[] {
    const { headers, source, text } = this.#input;
    const lines: string[] = [];
    const folder = source.slice(0, source.lastIndexOf('/') + 1);
    const direct = new Set(
      text.parts.flatMap(({ item }) =>
        item.word === 'include' ? [/^#\s*include\s*"([^"]+)"/.exec(item.tokens[0].text)?.[1] ?? ''] : [],
      ),
    );
    for (const [path, header] of headers) {
      const own = path.startsWith(folder) ? path.slice(folder.length) : '';
      if (own !== '' && direct.has(own)) this.#headers.set(own, header);
      else {
        const name = path.replace(/[^A-Za-z0-9.]+/g, '_');
        this.#headers.set(name, header);
        lines.push(`/* ${path} with the fix. */`, `#include "${name}"`);
      }
    }
    return lines;
  }

  #afterIncludes(): string[] {
    const { plan } = this.#input;
    const lines: string[] = [];
    const made = [...plan.modes].filter(
      ([part, mode]) => mode === 'text' && this.#naming.arguments.has(part),
    );
    if (made.some(([part]) => /^(COMPAT_)?SYSCALL_DEFINE/.test(part.item.tokens[0].text)))
      lines.push(
        '',
        '/* A system call is registered once, and the kernel has done that. */',
        '#undef SYSCALL_METADATA',
        '#define SYSCALL_METADATA(sname, nb, ...)',
        '#undef ALLOW_ERROR_INJECTION',
        '#define ALLOW_ERROR_INJECTION(fname, type)',
      );
    return lines;
  }

  #linesOf(part: Part): string[] {
    const { plan } = this.#input;
    const mode = plan.modes.get(part);
    const lines: string[] = [];
    const declarations = this.#naming.before.get(part) ?? [];
    if (declarations.length > 0) {
      const about = 'Functions of the kernel, and of this file before they are defined';
      if (this.#reason !== about) lines.push('', `/* ${about}. */`);
      this.#reason = about;
      lines.push(...declarations);
    }
    if (mode === undefined) return lines;
    const isFunction = part.definitions.some(({ meaning }) => meaning === 'function');
    if (mode === 'declaration') {
      if (isFunction) return lines;
      const declared = this.#variable(part);
      if (declared === undefined) return lines;
      const about = `Variables of ${part.item.file}: the kernel's own, so that there is one state`;
      if (this.#reason !== about) lines.push('', `/* ${about}. */`);
      this.#reason = about;
      lines.push(declared);
      return lines;
    }
    if (
      part.definitions.length > 0 &&
      part.definitions.every(({ meaning }) => meaning === 'prototype') &&
      this.#isPlaced(part)
    )
      return lines;
    const about = this.#about(part);
    if (this.#reason !== about || isFunction) lines.push('', `/* ${about}. */`);
    this.#reason = about;
    const written = isFunction ? this.#function(part) : this.#plain(part);
    const isReplaced = part.definitions.some(
      ({ name, meaning }) => meaning === 'function' && plan.functions.get(name)?.kind === 'replace',
    );
    if (isFunction && (isReplaced || part.isEdited)) this.#patched += codeLines(written);
    if (part.fromHeader && part.item.word === 'define') lines.push(`#undef ${part.macro}`);
    lines.push(...(isFunction ? [this.#commentOf(part) + written] : [written]));
    lines.push(...(this.#naming.behind.get(part) ?? []));
    return lines;
  }

  /** A declaration in the source of a function that is declared elsewhere here. */
  #isPlaced(part: Part): boolean {
    return part.definitions.some(
      ({ name }) => this.#input.plan.functions.has(name) && definitionOf(this.#input.text, name),
    );
  }

  #about(part: Part): string {
    const { plan } = this.#input;
    const { file } = part.item;
    if (part.item.kind === 'directive') return `${file}: macros`;
    const reasons = new Map<string, Fate>();
    for (const { name, meaning } of part.definitions) {
      const fate =
        meaning === 'function'
          ? plan.functions.get(name)
          : meaning === 'variable'
            ? plan.variables.get(name)
            : undefined;
      if (fate) reasons.set(fate.kind, fate);
    }
    const replaced = reasons.get('replace');
    if (replaced) return `${file}: replaced, ${replaced.why}`;
    const [first] = reasons.values();
    if (!first) return `${file}: types and declarations that no header has`;
    return first.kind === 'new' ? `${file}: new, ${first.why}` : `${file}: copied, ${first.why}`;
  }

  #function(part: Part): string {
    const { plan } = this.#input;
    let source = sourceOf(this.#input.text, part);
    const argument = this.#naming.arguments.get(part);
    const isReplacing = part.definitions.some(({ name }) => plan.functions.get(name)?.kind === 'replace');
    source = this.#withoutSharedLocals(part, source);
    const body = bodyOf(source, part);
    const head = source.slice(0, body);
    const rest = this.#renamedText(part, source.slice(body));
    if (argument !== undefined)
      return renamed(head, new Map([[argument, this.#input.nameOf(argument)]])) + rest;
    const plainHead = isReplacing
      ? headTokens(tokensOf(head), head, 0) + (/\s$/.exec(head)?.[0] ?? '')
      : head;
    const own = new Map([...this.#naming.renames].map(([name, { to }]) => [name, to]));
    const result = renamed(plainHead, own) + rest;
    const defined = part.definitions.filter(({ meaning }) => meaning === 'function');
    const isCopy = defined.every(
      ({ name, isStatic: inSource }) => !inSource && plan.functions.get(name)?.kind === 'copy',
    );
    if (isCopy) return `static ${result}`;
    return result;
  }

  /** Types, macros, variables that come along. */
  #plain(part: Part): string {
    const { plan } = this.#input;
    const source = this.#renamedText(part, sourceOf(this.#input.text, part));
    const variables = part.definitions.filter(({ meaning }) => meaning === 'variable');
    const isCopy = variables.some(
      ({ name, isStatic: own }) => !own && plan.variables.get(name)?.kind === 'copy',
    );
    return isCopy ? `static ${source}` : source;
  }

  #renamedText(part: Part, source: string): string {
    const locals = this.#input.syntax.locals(part.expanded);
    const own = this.#naming.sharedRenames.get(part);
    const names = new Map<string, Rename>();
    for (const [name, rename] of this.#naming.renames) if (!locals.has(name)) names.set(name, rename);
    for (const [name, to] of own ?? []) names.set(name, { to });
    return renamed(source, names);
  }

  /** `static int count;` of a function becomes `extern int foo_count;`, which is the kernel's. */
  #withoutSharedLocals(part: Part, source: string): string {
    const names = this.#naming.sharedRenames.get(part);
    if (!names) return source;
    const tokens = tokensOf(source);
    let out = '';
    let from = 0;
    for (let index = 0; index < tokens.length; index++) {
      if (tokens[index].text !== 'static') continue;
      let end = index;
      let depth = 0;
      while (end < tokens.length && !(depth === 0 && tokens[end].text === ';')) {
        if (/^[({[]$/.test(tokens[end].text)) depth++;
        if (/^[)}\]]$/.test(tokens[end].text)) depth--;
        end++;
      }
      const statement = tokens.slice(index, end + 1);
      const local = this.#input.plan.shared.find(
        (one) =>
          one.part === part && statement.some(({ kind, text }) => kind === 'name' && text === one.local.name),
      );
      if (!local || end >= tokens.length) continue;
      const isMade =
        !statement.some(
          ({ text }, at) => text === local.local.name && /^[;=[,)]$/.test(statement[at + 1]?.text ?? ''),
        ) || statement[1]?.text.startsWith('DEFINE_');
      const written = isMade ? local.local.declaration : source.slice(tokens[index].start, tokens[end].end);
      out += source.slice(from, tokens[index].start) + externOf(written);
      from = tokens[end].end;
      index = end;
    }
    return out + source.slice(from);
  }

  /** The declaration of variables that stay the kernel's; nothing when a header has it. */
  #variable(part: Part): string | undefined {
    const { isDeclared, lengthOf } = this.#input;
    const variables = part.definitions.filter(({ meaning }) => meaning === 'variable');
    const hasTypes = part.definitions.some(({ meaning }) => meaning === 'type' || meaning === 'constant');
    if (!hasTypes && variables.every(({ name, isStatic: own }) => !own && isDeclared(name))) return undefined;
    const source = sourceOf(this.#input.text, part);
    const made = isMadeByMacro(
      part,
      variables.map(({ name }) => name),
    );
    let text = externOf(made ? withoutAttributes(part.expanded) : this.#renamedText(part, source));
    for (const { name } of variables) text = withLength(text, name, lengthOf(name));
    return text;
  }
}

const keysBlock = [
  '/*',
  " * The kernel cannot turn a livepatch's jumps on and off with the static keys of a module: they are read instead.",
  ' */',
  '#include <linux/jump_label.h>',
  '#undef static_branch_likely',
  '#undef static_branch_unlikely',
  '#define static_branch_likely(x) likely(READ_ONCE((x)->key.enabled.counter) != 0)',
  '#define static_branch_unlikely(x) unlikely(READ_ONCE((x)->key.enabled.counter) != 0)',
  '#define static_key_false(key) unlikely(READ_ONCE((key)->enabled.counter) != 0)',
  '#define static_key_true(key) likely(READ_ONCE((key)->enabled.counter) != 0)',
  '',
].join('\n');
