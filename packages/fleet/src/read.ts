import { Refusal } from '@klpkit/findings';
import { parseExpectation, type YamlNode, YamlNodes, yamlWordsOf } from '@klpkit/prove';
import { isMap, isSeq, type ParsedNode, parseDocument } from 'yaml';
import type {
  Matrix,
  MatrixCheck,
  MatrixFix,
  MatrixKernel,
  MatrixPolicy,
  MatrixRelease,
  Withdrawal,
} from './types.ts';

/** Flavours of Debian's kernels that a series may be asked for by. */
export const kernelFlavours: readonly string[] = ['amd64', 'cloud-amd64', 'rt-amd64'];

/** The policy of a matrix that says nothing of it. */
export const defaultPolicy: MatrixPolicy = {
  route: 'binary',
  prove: true,
  cumulative: true,
  scenarios: [],
  unsupported: [],
  warnDays: 30,
};

/** Largest matrix file, in bytes. */
const mostBytes = 4 << 20;

const keys = {
  file: { $schema: 1, format: 1, name: 1, kernels: 1, fixes: 1, released: 1, policy: 1 },
  kernel: { id: 1, coveredUntil: 1, shipped: 1 },
  series: { series: 1, flavours: 1, newest: 1, coveredUntil: 1 },
  fix: {
    id: 1,
    title: 1,
    cve: 1,
    patch: 1,
    patches: 1,
    backports: 1,
    releases: 1,
    overrides: 1,
    checks: 1,
    unpatchable: 1,
    mitigation: 1,
    withdrawn: 1,
    notes: 1,
  },
  release: { folder: 1, withdrawn: 1 },
  withdrawal: { by: 1, reason: 1 },
  check: { run: 1, before: 1, patched: 1, reverted: 1 },
  policy: {
    route: 1,
    prove: 1,
    cumulative: 1,
    maxWarnings: 1,
    maxUnits: 1,
    scenarios: 1,
    unsupported: 1,
    warnDays: 1,
  },
} as const;

/**
 * Reads a matrix.
 *
 * @param file what messages call it
 * @throws {Refusal} with everything that is wrong: file, line, column, and what may stand there
 */
export function readMatrix(text: string, file: string): Matrix {
  const reader = new Reader(text, file, 'matrix');
  const matrix = reader.matrix();
  if (reader.findings.length > 0 || !matrix) throw new Refusal(reader.findings);
  return matrix;
}

class Reader extends YamlNodes {
  matrix(): Matrix | undefined {
    if (this.text.length > mostBytes)
      return this.wrong(0, `the file has ${this.text.length} characters, more than ${mostBytes}`);
    const document = parseDocument(this.text, { lineCounter: this.lines, prettyErrors: false });
    const [error] = [...document.errors, ...document.warnings];
    if (error) return this.wrong(error.pos[0], `this is no YAML: ${error.message}`);
    const root = document.contents as YamlNode;
    const top = this.map(root, 'a matrix is a mapping', keys.file);
    if (!top) return undefined;
    const format = top.get('format');
    if (!format) this.wrong(root, 'the format is not said', 'begin with `format: 1`');
    else if (this.string(format) !== '1')
      this.wrong(format, `format 1 is what this klpkit reads, and this is ${yamlWordsOf(format)}`);
    const kernels = this.#list(top.get('kernels'), root, 'kernels', (node) => this.#kernel(node));
    const fixes = this.#list(top.get('fixes'), root, 'fixes', (node) => this.#fix(node));
    this.#unique(fixes, top.get('fixes'));
    const name = top.get('name');
    const released = top.get('released');
    return {
      name: (name && this.name(name)) ?? 'web',
      kernels,
      fixes,
      released: released ? this.#list(released, root, 'released', (node) => this.#release(node)) : [],
      policy: this.#policy(top.get('policy')),
    };
  }

  #list<T>(node: YamlNode, root: YamlNode, what: string, read: (node: YamlNode) => T | undefined): T[] {
    if (!node) {
      this.wrong(root, `there are no ${what}`, `give \`${what}:\` and a list below it`);
      return [];
    }
    if (!isSeq(node) || node.items.length === 0) {
      this.wrong(node, `${what} are a list, and this is ${yamlWordsOf(node)}`);
      return [];
    }
    return node.items.flatMap((item) => read(item as ParsedNode) ?? []);
  }

  #unique(fixes: readonly MatrixFix[], node: YamlNode): void {
    const seen = new Set<string>();
    for (const [index, { id }] of fixes.entries()) {
      const item = isSeq(node) ? (node.items[index] as ParsedNode) : node;
      if (seen.has(id)) this.wrong(item, `two fixes are called ${id}`, 'give each an id of its own');
      seen.add(id);
    }
  }

  #kernel(node: YamlNode): MatrixKernel | undefined {
    if (node && 'items' in node) {
      if (isMap(node) && node.has('series')) return this.#series(node);
      const map = this.map(node, 'a kernel is a name, or a mapping with its id', keys.kernel);
      if (!map) return undefined;
      const id = map.get('id');
      if (!id)
        return this.wrong(node, 'the kernel has no id', 'give `id: debian:6.12`, or `series: debian:6.12`');
      const shipped = map.get('shipped');
      return {
        id: this.string(id) ?? '',
        ...this.#coveredUntil(map.get('coveredUntil')),
        ...(shipped ? { shipped: this.#path(shipped) ?? '' } : {}),
      };
    }
    const id = this.string(node, 'the name of a kernel');
    return id === undefined ? undefined : { id };
  }

  #coveredUntil(node: YamlNode): { coveredUntil?: string } {
    const day = node ? this.string(node, 'a day') : undefined;
    if (day !== undefined && (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(Date.parse(day))))
      this.wrong(node, `a day belongs here, 2027-06-30, and this is ${JSON.stringify(day)}`);
    return day ? { coveredUntil: day } : {};
  }

  /** Several kernels of the cache. */
  #series(node: ParsedNode): MatrixKernel | undefined {
    const map = this.map(node, 'kernels of a series are a mapping', keys.series);
    const seriesNode = map?.get('series');
    const series = this.string(seriesNode, 'a series, debian:6.12');
    if (!map || series === undefined) return undefined;
    if (!/^debian:\d+\.\d+$/.test(series))
      this.wrong(seriesNode, `a series belongs here, debian:6.12, and this is ${JSON.stringify(series)}`);
    const flavoursNode = map.get('flavours');
    const flavours = flavoursNode
      ? this.strings(flavoursNode, `a list of flavours, of ${kernelFlavours.join(', ')},`)
      : ['amd64'];
    if (isSeq(flavoursNode) && flavours.length === 0)
      this.wrong(
        flavoursNode,
        'there is no flavour in this list',
        `there may be ${kernelFlavours.join(', ')}`,
      );
    for (const flavour of flavours)
      if (!kernelFlavours.includes(flavour))
        this.wrong(
          flavoursNode,
          `there is no flavour ${JSON.stringify(flavour)}`,
          `there may be ${kernelFlavours.join(', ')}`,
        );
    const newestNode = map.get('newest');
    const newest = newestNode ? this.number(newestNode, 1, 1000, true, 'a whole number from 1') : undefined;
    return {
      id: series,
      ...this.#coveredUntil(map.get('coveredUntil')),
      select: { flavours, ...(newest === undefined ? {} : { newest }) },
    };
  }

  #fix(node: YamlNode): MatrixFix | undefined {
    const map = this.map(node, 'a fix is a mapping', keys.fix);
    if (!map) return undefined;
    const idNode = map.get('id');
    if (!idNode) return this.wrong(node, 'the fix has no id', 'give `id: web-1`');
    const id = this.string(idNode) ?? '';
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(id))
      this.wrong(
        idNode,
        `an id has small letters, digits and dashes, at most 40, and this is ${JSON.stringify(id)}`,
      );
    const one = map.get('patch');
    const many = map.get('patches');
    const patches = one ? [this.#path(one) ?? ''] : this.#paths(many);
    const unpatchable = map.get('unpatchable');
    if (patches.length === 0 && !unpatchable)
      this.wrong(node, `the fix ${id} has no patch`, 'give `patch: FILE` or `patches: [FILE, …]`');
    const title = map.get('title');
    const checks = map.get('checks');
    const mitigation = map.get('mitigation');
    return {
      id,
      ...(title ? { title: this.string(title) ?? '' } : {}),
      cves: this.#cves(map.get('cve')),
      patches,
      backports: this.#backports(map.get('backports')),
      releases: this.strings(map.get('releases'), 'the beginnings of releases: [6.12]'),
      overrides: this.#overrides(map.get('overrides')),
      checks: checks ? this.#list(checks, node, 'checks', (check) => this.#check(check)) : [],
      ...(unpatchable ? { unpatchable: this.string(unpatchable, 'a reason') ?? '' } : {}),
      ...(mitigation ? { mitigation: this.string(mitigation, 'what it does') ?? '' } : {}),
      ...this.#withdrawn(map.get('withdrawn')),
    };
  }

  #release(node: YamlNode): MatrixRelease | undefined {
    const map = this.map(node, 'a release is a mapping with its folder', keys.release);
    if (!map) return undefined;
    const folder = map.get('folder');
    if (!folder)
      return this.wrong(
        node,
        'the release has no folder',
        'give `folder: DIR`, which klpkit matrix report --release wrote',
      );
    return { folder: this.#path(folder) ?? '', ...this.#withdrawn(map.get('withdrawn')) };
  }

  #withdrawn(node: YamlNode): { withdrawn?: Withdrawal } {
    if (!node) return {};
    const map = this.map(node, 'a withdrawal is a mapping: { by: NAME, reason: TEXT }', keys.withdrawal);
    if (!map) return {};
    const said = (key: 'by' | 'reason'): string => {
      const value = map.get(key);
      const text = value ? this.string(value, key === 'by' ? 'a name' : 'a reason') : undefined;
      if (!text)
        this.wrong(
          value ?? node,
          `a withdrawal says ${key === 'by' ? 'whose it is' : 'why'}`,
          'give `{ by: NAME, reason: TEXT }`',
        );
      return text ?? '';
    };
    const [by, reason] = [said('by'), said('reason')];
    return { withdrawn: { by, reason } };
  }

  #cves(node: YamlNode): string[] {
    if (!node) return [];
    const list = isSeq(node) ? this.strings(node, 'a list of CVEs') : [this.string(node) ?? ''];
    for (const cve of list)
      if (!/^CVE-\d{4}-\d{4,}$/.test(cve))
        this.wrong(node, `a CVE is CVE-YEAR-NUMBER, and this is ${JSON.stringify(cve)}`);
    return list;
  }

  #backports(node: YamlNode): MatrixFix['backports'] {
    if (!node) return [];
    const map = this.map(node, 'backports are beginnings of releases with their patches');
    return [...(map ?? [])].map(([release, value]) => ({
      release,
      patches: isSeq(value) ? this.#paths(value) : [this.#path(value) ?? ''],
    }));
  }

  #overrides(node: YamlNode): Record<string, string> {
    if (!node) return {};
    const map = this.map(node, 'overrides are ids of findings with a reason each');
    const overrides: Record<string, string> = {};
    for (const [id, value] of map ?? []) overrides[id] = this.string(value, 'a reason') ?? '';
    return overrides;
  }

  #check(node: YamlNode): MatrixCheck | undefined {
    const map = this.map(node, 'a check is a mapping', keys.check);
    const run = map?.get('run');
    if (!map) return undefined;
    if (!run) return this.wrong(node, 'the check runs nothing', 'give `run: COMMAND`');
    const expectation = (key: 'before' | 'patched' | 'reverted') => {
      const value = map.get(key);
      const text = value ? this.string(value, 'what the command says') : undefined;
      if (text === undefined) return {};
      try {
        parseExpectation(text);
      } catch (error) {
        this.wrong(value, (error as Error).message);
      }
      return { [key]: text };
    };
    return {
      run: this.string(run, 'a command') ?? '',
      ...expectation('before'),
      ...expectation('patched'),
      ...expectation('reverted'),
    };
  }

  #policy(node: YamlNode): MatrixPolicy {
    if (!node) return defaultPolicy;
    const map = this.map(node, 'the policy is a mapping', keys.policy);
    const flag = (key: 'prove' | 'cumulative') => {
      const value = map?.get(key);
      if (!value) return true;
      const text = this.string(value, 'true or false');
      if (text !== 'true' && text !== 'false')
        this.wrong(value, `true or false belongs here, and this is ${JSON.stringify(text)}`);
      return text !== 'false';
    };
    const count = (key: 'maxWarnings' | 'maxUnits' | 'warnDays', least: number) => {
      const value = map?.get(key);
      const number = value
        ? this.number(value, least, 100_000, true, `a whole number from ${least}`)
        : undefined;
      return number === undefined ? {} : { [key]: number };
    };
    const routeNode = map?.get('route');
    const route = routeNode ? this.string(routeNode, 'binary or source') : 'binary';
    if (route !== undefined && route !== 'binary' && route !== 'source')
      this.wrong(routeNode, `binary or source belongs here, and this is ${JSON.stringify(route)}`);
    return {
      route: route === 'source' ? 'source' : 'binary',
      prove: flag('prove'),
      cumulative: flag('cumulative'),
      ...count('maxWarnings', 0),
      ...count('maxUnits', 1),
      scenarios: this.#paths(map?.get('scenarios')),
      unsupported: this.#unsupported(map?.get('unsupported')),
      ...{ warnDays: defaultPolicy.warnDays, ...count('warnDays', 0) },
    };
  }

  #unsupported(node: YamlNode): string[] {
    const names = node ? this.strings(node, 'a list of modules') : [];
    for (const name of names)
      if (!/^[\w-]+$/.test(name) || name === 'vmlinux')
        this.wrong(node, `a module belongs here, as lsmod names it, and this is ${JSON.stringify(name)}`);
    return names;
  }

  #paths(node: YamlNode): string[] {
    if (!node) return [];
    if (!isSeq(node)) {
      this.wrong(node, `a list of files belongs here, and this is ${yamlWordsOf(node)}`);
      return [];
    }
    return node.items.flatMap((item) => this.#path(item as ParsedNode) ?? []);
  }

  /** A file beside the matrix or below; nothing in a matrix names files elsewhere. */
  #path(node: YamlNode): string | undefined {
    const path = this.string(node, 'a file');
    if (path === undefined) return undefined;
    if (path === '' || path.startsWith('/') || path.split('/').includes('..') || path.includes('\0'))
      return this.wrong(
        node,
        `a file beside the matrix or below it belongs here, and this is ${JSON.stringify(path)}`,
      );
    return path;
  }
}
