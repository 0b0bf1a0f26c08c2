import type { Finding } from '@klpkit/findings';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { shapeWords } from './grammar.ts';

/** A node of the document; an absent value stands as its key. */
export type Node = ParsedNode | null | undefined;

/** Reads nodes of a YAML document and keeps what is wrong with them, each with its place. */
export class Nodes {
  readonly findings: Finding[] = [];
  protected readonly text: string;
  protected readonly file: string;
  protected readonly lines = new LineCounter();
  /** Id of the findings. */
  protected readonly id: string;
  /** Keys that have no value. */
  private readonly empty = new Set<Node>();
  /** What `${name}` stands for; undefined: it stays. */
  protected fill: (name: string) => string | undefined = () => undefined;

  constructor(text: string, file: string, id = 'scenario') {
    this.text = text;
    this.file = file;
    this.id = id;
  }

  protected wrong(at: Node | number, what: string, next?: string): undefined {
    const offset = typeof at === 'number' ? at : (at?.range?.[0] ?? 0);
    const { line, col } = this.lines.linePos(offset);
    this.findings.push({
      id: this.id,
      severity: 'error',
      what,
      ...(next === undefined ? {} : { next }),
      at: { file: this.file, line, column: col },
    });
  }

  protected place(node: Node): { line: number; column: number } {
    const { line, col } = this.lines.linePos(node?.range?.[0] ?? 0);
    return { line, column: col };
  }

  /** Keys of a mapping with their values; unknown keys are told of. An empty value is a null scalar. */
  protected map(
    node: Node,
    what: string,
    allowed?: Readonly<Record<string, unknown>>,
  ): Map<string, Node> | undefined {
    if (!isMap(node)) return this.wrong(node, `${what}, and this is ${wordsOf(node)}`, allowedWords(allowed));
    const keys = new Map<string, Node>();
    for (const { key, value } of (node as YAMLMap<ParsedNode, ParsedNode | null>).items) {
      const text = this.string(key);
      if (text === undefined) continue;
      if (allowed && !Object.hasOwn(allowed, text)) {
        this.wrong(key, `there is no key ${JSON.stringify(text)} here`, allowedWords(allowed));
        continue;
      }
      // An absent value has no place of its own: mistakes in it are told of at its key.
      keys.set(text, value ?? key);
      if (value === null) this.empty.add(key);
    }
    return keys;
  }

  protected isNull(node: Node): boolean {
    return !node || this.empty.has(node) || (isScalar(node) && node.value === null);
  }

  /** A scalar as text, its parameters filled in. */
  protected string(node: Node, words = 'a text'): string | undefined {
    if (isAlias(node)) return this.wrong(node, 'anchors and aliases of YAML are not understood');
    if (this.isNull(node) || !isScalar(node))
      return this.wrong(node, `${words} belongs here, and this is ${wordsOf(node)}`, meantAsText(node));
    const { value, source } = node as Scalar;
    const text = typeof value === 'string' ? value : (source ?? String(value));
    // The shell has such words too; only those that are known are ours.
    return text.replace(/\$\{([A-Za-z0-9_-]+)\}/g, (whole, name: string) => this.fill(name) ?? whole);
  }

  protected number(
    node: Node,
    least: number,
    most: number,
    isWhole: boolean,
    words: string,
  ): number | undefined {
    const text = this.string(node, words);
    if (text === undefined) return undefined;
    // A parameter without a value: the scenario is read again when it has one.
    if (/^\$\{[\w-]+\}$/.test(text)) return least;
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most) || (isWhole && !Number.isInteger(value)))
      return this.wrong(node, `${words} belongs here, and this is ${JSON.stringify(text)}`);
    return value;
  }

  protected name(node: Node): string | undefined {
    const text = this.string(node, shapeWords.name);
    if (text !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(text))
      return this.wrong(node, `${shapeWords.name} belongs here, and this is ${JSON.stringify(text)}`);
    return text;
  }

  protected strings(node: Node, words: string): string[] {
    if (!node) return [];
    if (!isSeq(node)) {
      this.wrong(node, `${words} belongs here, and this is ${wordsOf(node)}`);
      return [];
    }
    return node.items.flatMap((item) => this.string(item as Node) ?? []);
  }
}

/** A node in a few words, for messages. */
export function wordsOf(node: Node): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isScalar(node)) return node.value === null ? 'empty' : JSON.stringify(node.source ?? node.value);
  return 'empty';
}

/** A line of the log has a colon and a blank, of which YAML makes a mapping. */
function meantAsText(node: Node): string | undefined {
  if (!isMap(node) || node.items.length !== 1) return undefined;
  const { key, value } = (node as YAMLMap<Node, Node>).items[0] ?? {};
  if (!isScalar(key) || !isScalar(value)) return undefined;
  const text = `${(key as Scalar).value}: ${(value as Scalar).value}`;
  return `in YAML a colon and a blank make a mapping: put the text in quotation marks, ${JSON.stringify(text)}`;
}

function allowedWords(allowed: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return allowed && `there may be ${Object.keys(allowed).join(', ')}`;
}
