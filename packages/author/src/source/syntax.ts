import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Language, type Node, Parser } from 'web-tree-sitter';
import { closing, type Token, tokensOf } from './tokens.ts';

/** What a name means that an item introduces. */
export type Meaning = 'function' | 'prototype' | 'variable' | 'declaration' | 'type' | 'constant';

/** A name that an item introduces. */
export interface Definition {
  readonly name: string;
  /** The name, with `tag ` before it for a structure, union or enumeration. */
  readonly key: string;
  readonly meaning: Meaning;
  readonly isStatic: boolean;
}

/** Reads C that went through the preprocessor. */
export interface Syntax {
  /** What a top-level text introduces. */
  definitions(text: string): Definition[];
  /** Parameters and variables of the functions of a text, labels, and members of structures. */
  locals(text: string): ReadonlySet<string>;
  /** Static variables of the functions of a text. */
  staticLocals(text: string): StaticLocal[];
}

/** A static variable of a function. */
export interface StaticLocal {
  readonly name: string;
  /** The declaration, as preprocessed, without attributes. */
  readonly declaration: string;
  /** How many variables the declaration has. */
  readonly together: number;
}

let loaded: Promise<Syntax> | undefined;

/** The parser; loaded once. */
export function loadSyntax(): Promise<Syntax> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Syntax> {
  await Parser.init();
  const path = fileURLToPath(import.meta.resolve('tree-sitter-c/tree-sitter-c.wasm'));
  const parser = new Parser();
  parser.setLanguage(await Language.load(new Uint8Array(await readFile(path))));
  const parsed = <T>(text: string, read: (root: Node) => T): T => {
    const tree = parser.parse(text);
    if (!tree) throw new Error('tree-sitter: no tree');
    try {
      return read(tree.rootNode);
    } finally {
      tree.delete();
    }
  };
  return {
    definitions: (text) => parsed(plain(withoutBodies(tokensOf(text, false))), readDefinitions),
    locals: (text) => parsed(plain(tokensOf(text, false)), readLocals),
    staticLocals: (text) => parsed(plain(tokensOf(text, false)), readStaticLocals),
  };
}

const attributes = new Set(['__attribute__', '__attribute', '__declspec', '__aligned__']);
const assembler = new Set(['asm', '__asm__', '__asm']);

/**
 * The tokens as text without what the grammar stumbles over: attributes, `__extension__`, the assembler's names of functions, static
 * assertions.
 */
export function plain(tokens: readonly Token[]): string {
  const out: string[] = [];
  let depth = 0;
  for (let index = 0; index < tokens.length; index++) {
    const { text, kind } = tokens[index];
    if (kind === 'name') {
      const next = tokens[index + 1]?.text;
      if (text === '__extension__' || text === '__inline' || text === '__inline__' || text === '_Noreturn')
        continue;
      const isAsm = assembler.has(text) && depth === 0 && next === '(' && tokens[index - 1]?.text !== ';';
      if ((attributes.has(text) || text === '_Static_assert' || isAsm) && next === '(') {
        index = closing(tokens, index + 1);
        continue;
      }
      if (text === '__typeof__' || text === '__typeof') {
        out.push('typeof');
        continue;
      }
    }
    if (text === '{') depth++;
    if (text === '}') depth--;
    out.push(text);
  }
  return out.join(' ');
}

/** Functions with empty bodies: what is in them introduces nothing outside. */
function withoutBodies(tokens: readonly Token[]): Token[] {
  const out: Token[] = [];
  for (let index = 0; index < tokens.length; index++) {
    out.push(tokens[index]);
    if (tokens[index].text !== '{') continue;
    const previous = tokens[index - 1]?.text;
    const close = closing(tokens, index);
    // Initialisers and functions; structures and enumerations are read.
    if (previous === ')' || previous === '=') {
      out.push(tokens[close]);
      index = close;
    }
  }
  return out;
}

function readDefinitions(root: Node): Definition[] {
  const found: Definition[] = [];
  const visit = (node: Node) => {
    switch (node.type) {
      case 'function_definition':
      case 'declaration':
      case 'type_definition':
        readDeclaration(node, found);
        break;
      case 'struct_specifier':
      case 'union_specifier':
      case 'enum_specifier':
        readSpecifier(node, found);
        break;
      default:
        for (const child of node.namedChildren) if (child) visit(child);
    }
  };
  visit(root);
  return found;
}

function readDeclaration(node: Node, found: Definition[]): void {
  const words = node.children.flatMap((child) =>
    child?.type === 'storage_class_specifier' ? [child.text] : [],
  );
  const isStatic = words.includes('static');
  const type = node.childForFieldName('type');
  if (type) readSpecifier(type, found);
  for (const child of node.namedChildren) if (child?.type === 'ERROR') readSpecifier(child, found);
  for (const declarator of node.childrenForFieldName('declarator')) {
    if (!declarator) continue;
    const name = nameOf(declarator);
    if (name === undefined) continue;
    const meaning: Meaning =
      node.type === 'type_definition'
        ? 'type'
        : node.type === 'function_definition'
          ? 'function'
          : isFunction(declarator)
            ? 'prototype'
            : words.includes('extern')
              ? 'declaration'
              : 'variable';
    found.push({ name, key: name, meaning, isStatic });
  }
}

/** Structures, unions and enumerations with a body, and their like within. */
function readSpecifier(node: Node, found: Definition[]): void {
  if (/^(struct|union|enum)_specifier$/.test(node.type)) {
    const name = node.childForFieldName('name')?.text;
    const body = node.childForFieldName('body');
    if (name !== undefined && (body || node.parent?.type === 'translation_unit'))
      found.push({ name, key: `tag ${name}`, meaning: 'type', isStatic: false });
    if (!body) return;
  }
  for (const child of node.namedChildren) {
    if (!child) continue;
    if (child.type === 'enumerator') {
      const name = child.childForFieldName('name')?.text;
      if (name !== undefined) found.push({ name, key: name, meaning: 'constant', isStatic: false });
    } else if (/^(struct|union|enum)_specifier$|_list$|^field_declaration$/.test(child.type))
      readSpecifier(child, found);
  }
}

function nameOf(declarator: Node): string | undefined {
  let node: Node | null = declarator;
  while (node) {
    if (/^(identifier|type_identifier|field_identifier|primitive_type)$/.test(node.type)) return node.text;
    const inner: Node | null = node.childForFieldName('declarator') ?? null;
    node =
      inner ??
      (node.type === 'parenthesized_declarator' || node.type === 'attributed_declarator'
        ? node.namedChild(0)
        : null);
  }
  return undefined;
}

/** A function, and not a pointer to one. */
function isFunction(declarator: Node): boolean {
  let node: Node | null = declarator;
  while (node) {
    if (node.type === 'function_declarator') {
      const inner: Node | null = node.childForFieldName('declarator');
      return (
        inner?.type === 'identifier' ||
        (inner?.type === 'parenthesized_declarator' && inner.namedChild(0)?.type === 'identifier')
      );
    }
    node = node.childForFieldName('declarator');
  }
  return false;
}

function readLocals(root: Node): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of root.descendantsOfType([
    'parameter_declaration',
    'declaration',
    'labeled_statement',
    'field_declaration',
  ])) {
    if (!node || node.parent?.type === 'translation_unit') continue;
    if (node.type === 'labeled_statement') {
      const label = node.childForFieldName('label')?.text;
      if (label !== undefined) names.add(label);
      continue;
    }
    for (const declarator of node.childrenForFieldName('declarator')) {
      if (!declarator || (node.type !== 'field_declaration' && isFunction(declarator))) continue;
      const name = nameOf(declarator);
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

function readStaticLocals(root: Node): StaticLocal[] {
  const found: StaticLocal[] = [];
  for (const node of root.descendantsOfType('declaration')) {
    if (!node || node.parent?.type === 'translation_unit') continue;
    if (!node.children.some((child) => child?.type === 'storage_class_specifier' && child.text === 'static'))
      continue;
    const declarators = node.childrenForFieldName('declarator');
    for (const declarator of declarators) {
      const name = declarator && nameOf(declarator);
      if (name) found.push({ name, declaration: node.text, together: declarators.length });
    }
  }
  return found;
}
