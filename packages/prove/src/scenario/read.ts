import { constants } from 'node:os';
import { Refusal, UsageError } from '@klpkit/findings';
import { isScalar, isSeq, type ParsedNode, parseDocument, type YAMLMap } from 'yaml';
import { parseExpectation } from '../expectation.ts';
import { errnoNames } from '../log/errno.ts';
import { faultIds } from '../log/faults.ts';
import type { Expectation } from '../types.ts';
import {
  commonModifiers,
  fileKeys,
  type Modifier,
  parameterKeys,
  type Shape,
  shapeWords,
  stepKinds,
} from './grammar.ts';
import { type Node, Nodes, wordsOf } from './nodes.ts';
import type {
  Action,
  Scenario,
  ScenarioModule,
  ScenarioParameter,
  ScenarioStep,
  ValueExpectation,
} from './types.ts';

/** Largest scenario file, in bytes; the longest real one has a hundred lines. */
const mostBytes = 1 << 20;
/** Most steps in a file, and how deep `repeat` may be nested. */
const mostSteps = 1000;
const mostDepth = 3;

/** Options of {@link readScenario}. */
export interface ReadScenarioOptions {
  /** What messages call the file. */
  readonly file: string;
  /** Values of parameters; those with a default need none. */
  readonly values?: Readonly<Record<string, string>>;
}

/** Names of errors that the kernel can answer with. */
const errnos = new Set([...Object.keys(constants.errno), ...Object.values(errnoNames)]);

/**
 * Reads a scenario. What a parameter without a value stands for stays as it was written, `${name}`.
 *
 * @throws {Refusal} with everything that is wrong: file, line, column, and what may stand there
 * @throws {UsageError} for values of parameters that the scenario has not
 */
export function readScenario(text: string, options: ReadScenarioOptions): Scenario {
  const reader = new Reader(text, options.file);
  reader.given = options.values ?? {};
  const scenario = reader.scenario();
  if (reader.findings.length > 0 || !scenario) throw new Refusal(reader.findings);
  const known = scenario.parameters.map(({ name }) => name);
  const unknown = Object.keys(options.values ?? {}).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UsageError(
      `the scenario ${scenario.name} has no parameter ${unknown.join(', ')}`,
      known.length > 0 ? `it has ${known.join(', ')}` : 'it has no parameters',
    );
  return scenario;
}

class Reader extends Nodes {
  private modules: ScenarioModule[] = [];
  private parameters: ScenarioParameter[] = [];
  private readonly started = new Set<string>();
  private steps = 0;
  /** Values that the caller gives to parameters. */
  given: Readonly<Record<string, string>> = {};

  scenario(): Scenario | undefined {
    if (this.text.length > mostBytes) {
      return this.wrong(0, `the file has ${this.text.length} characters, more than ${mostBytes}`);
    }
    const document = parseDocument(this.text, { lineCounter: this.lines, prettyErrors: false });
    // What follows the first mistake of this kind is mostly its consequence.
    const [error] = [...document.errors, ...document.warnings];
    if (error) return this.wrong(error.pos[0], `this is no YAML: ${error.message}`);
    const root = document.contents as Node;
    const keys = this.map(root, 'a scenario is a mapping', fileKeys);
    if (!keys) return undefined;
    const name = keys.get('name');
    if (!name) this.wrong(root, 'the scenario has no name', 'begin with `name: …`');
    this.readModules(keys.get('modules'));
    this.readParameters(keys.get('parameters'));
    const steps = keys.get('steps');
    if (!steps) this.wrong(root, 'the scenario has no steps', 'give `steps:` and a list below it');
    const summary = keys.get('summary');
    const memory = keys.get('memory');
    const memoryMb = memory ? this.number(memory, 128, 65536, true, 'MiB from 128 to 65536') : undefined;
    return {
      file: this.file,
      name: (name && this.name(name)) ?? '',
      ...(summary ? { summary: this.string(summary) ?? '' } : {}),
      kernels: this.strings(keys.get('kernels'), 'the beginnings of releases: [6.12]'),
      modules: this.modules,
      parameters: this.parameters,
      targets: this.strings(keys.get('targets'), 'a list of names of modules'),
      files: this.readFiles(keys.get('files')),
      ...(memoryMb === undefined ? {} : { memoryMb }),
      append: this.strings(keys.get('append'), 'a list of words'),
      allows: this.faults(keys.get('allows')),
      steps: steps ? this.readSteps(steps, 1) : [],
    };
  }

  private faults(node: Node): string[] {
    const ids = this.strings(node, shapeWords['fault-ids']);
    for (const [i, id] of ids.entries()) {
      if (faultIds.has(id)) continue;
      const item = (isSeq(node) ? node.items[i] : node) as Node;
      this.wrong(
        item,
        `no fault is called ${JSON.stringify(id)}`,
        `there are ${[...faultIds].sort().join(', ')}`,
      );
    }
    return ids;
  }

  private readModules(node: Node): void {
    if (!node) return;
    const keys = this.map(node, 'modules are aliases with their files');
    for (const [alias, value] of keys ?? []) {
      if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(alias)) {
        this.wrong(value, `an alias has letters, digits and dashes, and this is ${JSON.stringify(alias)}`);
        continue;
      }
      const file = this.isNull(value) ? undefined : this.string(value, 'a file, or nothing,');
      this.modules.push({ alias, ...(file === undefined ? {} : { file }) });
    }
  }

  private readParameters(node: Node): void {
    if (!node) return;
    const keys = this.map(node, 'parameters are names with their defaults');
    const parameters: ScenarioParameter[] = [];
    for (const [name, value] of keys ?? []) {
      if (this.isNull(value)) parameters.push({ name });
      else if (isScalar(value)) parameters.push({ name, default: this.string(value) ?? '' });
      else {
        const fields = this.map(value, 'a parameter is a default or a mapping', parameterKeys);
        const text = (key: string) => {
          const field = fields?.get(key);
          return field ? this.string(field) : undefined;
        };
        const [summary, standard, target] = [text('summary'), text('default'), text('target-of')];
        if (target !== undefined && !this.modules.some(({ alias }) => alias === target))
          this.wrong(
            fields?.get('target-of'),
            `no module has the alias ${JSON.stringify(target)}`,
            this.aliasWords(),
          );
        parameters.push({
          name,
          ...(summary === undefined ? {} : { summary }),
          ...(standard === undefined ? {} : { default: standard }),
          ...(target === undefined ? {} : { targetOf: target }),
        });
      }
    }
    // Only now: a default is not filled in with others.
    this.parameters = parameters;
    this.fill = (name) => {
      const parameter = parameters.find((one) => one.name === name);
      return parameter && (this.given[name] ?? parameter.default);
    };
  }

  private readFiles(node: Node): Scenario['files'] {
    if (!node) return [];
    const keys = this.map(node, 'files are paths in the VM with files beside the scenario');
    return [...(keys ?? [])].flatMap(([path, value]) => {
      const file = this.string(value, 'a file beside the scenario');
      if (!path.startsWith('/'))
        this.wrong(value, `a path in the VM begins with /, and this is ${JSON.stringify(path)}`);
      return file === undefined ? [] : [{ path, file }];
    });
  }

  private aliasWords(): string {
    const aliases = this.modules.map(({ alias }) => alias);
    return aliases.length > 0 ? `there are ${aliases.join(', ')}` : 'name it below `modules:`';
  }

  private readSteps(node: Node, depth: number): ScenarioStep[] {
    if (!isSeq(node)) {
      this.wrong(node, `steps are a list, and this is ${wordsOf(node)}`, 'begin each step with `- `');
      return [];
    }
    if (node.items.length === 0) this.wrong(node, 'the list of steps is empty');
    if (depth > mostDepth) {
      this.wrong(node, `repeat is nested more than ${mostDepth} deep`);
      return [];
    }
    this.steps += node.items.length;
    if (this.steps > mostSteps) {
      this.wrong(node, `there are more than ${mostSteps} steps`);
      return [];
    }
    return node.items.flatMap((item) => this.readStep(item as Node, depth) ?? []);
  }

  private readStep(node: Node, depth: number): ScenarioStep | undefined {
    const keys = this.map(node, 'a step is a mapping: `load: alias`');
    if (!keys) return undefined;
    const actions = [...keys.keys()].filter((key) => Object.hasOwn(stepKinds, key)) as Action[];
    const [action] = actions;
    if (action === undefined || actions.length > 1) {
      const what =
        action === undefined
          ? 'this step does nothing'
          : `a step does one thing, and this has ${actions.join(' and ')}`;
      return this.wrong(node, what, `a step has one of ${Object.keys(stepKinds).join(', ')}`);
    }
    const kind = stepKinds[action];
    const allowed: Record<string, Modifier> = { ...kind.with, ...commonModifiers };
    const before = this.findings.length;
    for (const { key } of (node as YAMLMap<ParsedNode>).items) {
      const text = isScalar(key) ? String(key.value) : '';
      if (text !== action && !Object.hasOwn(allowed, text))
        this.wrong(
          key,
          `${action} takes no ${JSON.stringify(text)}`,
          `it takes ${Object.keys(allowed).join(', ')}`,
        );
    }
    const value = this.value(kind.shape, keys.get(action), depth, action);
    const fields = new Map<string, Value>();
    for (const [key, { shape }] of Object.entries(allowed))
      if (keys.has(key)) fields.set(key, this.value(shape, keys.get(key), depth, key));
    for (const key of action === 'background' ? ['name'] : action === 'repeat' ? ['times'] : [])
      if (!keys.has(key)) this.wrong(node, `${action} needs ${key}`);
    const name = fields.get('name')?.text;
    if (action === 'background' && name !== undefined) this.started.add(name);
    if (action === 'stop' && value.text !== undefined && !this.started.has(value.text))
      this.wrong(
        keys.get(action),
        `no step before this one starts ${JSON.stringify(value.text)}`,
        startedWords(this.started),
      );
    if (this.findings.length > before) return undefined;
    const text = (key: string) => fields.get(key)?.text;
    const optional = <Key extends string, T>(key: Key, found: T | undefined) =>
      (found === undefined ? {} : { [key]: found }) as { [K in Key]?: T };
    const isPatterns = kind.shape === 'patterns';
    return {
      action,
      subject: value.text ?? '',
      ...this.place(node),
      ...optional('title', text('title')),
      ...optional('seconds', kind.shape === 'seconds' ? value.number : fields.get('within')?.number),
      ...optional('params', text('params')),
      waits: fields.get('wait')?.flag ?? true,
      ...optional('exit', fields.get('exit')?.number),
      expect: (isPatterns ? value.patterns : fields.get('expect')?.patterns) ?? [],
      expectNot: fields.get('expect-not')?.patterns ?? [],
      values: value.values ?? [],
      ...optional('name', name),
      times: fields.get('times')?.number ?? 1,
      ...optional('task', fields.get('task')?.patterns?.[0]),
      ...optional('function', fields.get('function')?.patterns?.[0]),
      steps: value.steps ?? [],
      ...optional('fails', text('fails')),
      always: fields.get('always')?.flag ?? false,
      log: fields.get('log')?.patterns ?? [],
      noLog: fields.get('no-log')?.patterns ?? [],
      allows: fields.get('allows')?.texts ?? [],
    };
  }

  private value(shape: Shape, node: Node, depth: number, key: string): Value {
    const words = `${shapeWords[shape]}`;
    const text = (found: string | undefined): Value => (found === undefined ? {} : { text: found });
    const number = (found: number | undefined): Value => (found === undefined ? {} : { number: found });
    switch (shape) {
      case 'alias': {
        const found = this.string(node, words);
        if (found !== undefined && !this.modules.some(({ alias }) => alias === found))
          this.wrong(node, `${key} wants ${words}, and ${JSON.stringify(found)} is none`, this.aliasWords());
        return text(found);
      }
      case 'kernel-module': {
        const found = this.string(node, words);
        if (found !== undefined && !/^(?:[\w-]{1,55}|\$\{[\w-]+\})$/.test(found))
          this.wrong(node, `${key} wants ${words}, and this is ${JSON.stringify(found)}`);
        return text(found);
      }
      case 'name':
        return text(this.name(node));
      case 'text':
      case 'path':
        return text(this.string(node, words));
      case 'seconds':
        return number(this.number(node, 0, 600, false, words));
      case 'count':
        return number(this.number(node, 1, 1000, true, words));
      case 'exit-code':
        return number(this.number(node, 0, 255, true, words));
      case 'flag':
      case 'true': {
        const found = isScalar(node) ? node.value : undefined;
        if (found !== true && (found !== false || shape === 'true'))
          this.wrong(node, `${key} is ${words}, and this is ${wordsOf(node)}`);
        return { flag: found === true };
      }
      case 'errno': {
        const found = this.string(node, words);
        if (found !== undefined && !errnos.has(found))
          this.wrong(node, `${words} belongs here, and this is ${JSON.stringify(found)}`);
        return text(found);
      }
      case 'pattern': {
        const found = this.pattern(node, words);
        return found === undefined ? {} : { patterns: [found] };
      }
      case 'patterns': {
        const items = isSeq(node) ? (node.items as Node[]) : [node];
        if (items.length === 0) this.wrong(node, 'the list is empty');
        return { patterns: items.flatMap((item) => this.pattern(item, words) ?? []) };
      }
      case 'values':
        return { values: this.readValues(node, key) };
      case 'fault-ids':
        return { texts: this.faults(node) };
      case 'steps':
        return { steps: this.readSteps(node, depth + 1) };
    }
  }

  private pattern(node: Node, words: string): Expectation | undefined {
    const text = this.string(node, words);
    if (text === undefined) return undefined;
    try {
      return parseExpectation(text);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return this.wrong(node, error.message);
    }
  }

  private readValues(node: Node, key: string): ValueExpectation[] {
    const keys = this.map(node, `${key} wants ${shapeWords.values}`);
    if (keys?.size === 0) this.wrong(node, 'there is no path');
    return [...(keys ?? [])].flatMap(([path, value]): ValueExpectation[] => {
      if (path.split('/').some((part) => part === '..')) {
        this.wrong(value, `a path has no .., and this is ${JSON.stringify(path)}`);
        return [];
      }
      if (!this.isNull(value)) {
        const expected =
          key === 'write' ? this.string(value, shapeWords.text) : this.pattern(value, shapeWords.pattern);
        return expected === undefined ? [] : [{ path, expected }];
      }
      if (key === 'write') this.wrong(value, 'a value is to be written, and there is none');
      return [{ path, expected: undefined }];
    });
  }
}

/** What a value of a step was read as. */
interface Value {
  readonly text?: string;
  readonly texts?: readonly string[];
  readonly number?: number;
  readonly flag?: boolean;
  readonly patterns?: readonly Expectation[];
  readonly values?: readonly ValueExpectation[];
  readonly steps?: readonly ScenarioStep[];
}

function startedWords(names: ReadonlySet<string>): string {
  return names.size > 0 ? `there are ${[...names].join(', ')}` : 'start it with `background` and `name`';
}
