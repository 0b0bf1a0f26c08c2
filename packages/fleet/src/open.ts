import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { sha256Hex } from '@klpkit/host';
import { type Kernel, kernelsOfSeries, listKernels, openKernel } from '@klpkit/kernel';
import { findScenario, readScenario } from '@klpkit/prove';
import type { KernelRow } from './database.ts';
import {
  inputOf,
  inTheField,
  type ReleasedLivepatch,
  readHistory,
  readReleased,
  releasedLivepatches,
} from './history.ts';
import type { OpenedKernel } from './run.ts';
import { entryOf } from './standing.ts';
import type { JobInput, Matrix, MatrixKernel } from './types.ts';

/** What a matrix names besides its kernels. */
export interface MatrixFiles {
  readonly patches: ReadonlyMap<string, string>;
  /** Texts of the scenarios by what the policy calls them. */
  readonly scenarios: ReadonlyMap<string, string>;
  readonly released: readonly ReleasedLivepatch[];
}

/** A matrix with everything that it names read. */
export interface OpenedMatrix extends MatrixFiles {
  readonly kernels: readonly OpenedKernel[];
}

/** Where a matrix lies. */
interface MatrixPlace {
  /** Folder that its paths are relative to. */
  readonly folder: string;
  /** What messages call the matrix. */
  readonly file: string;
}

/** Told of what a matrix names and is not there. */
type OnMissing = (what: string, next: string) => void;

/**
 * Opens the kernels of a matrix, which must be in the cache, and reads its files.
 *
 * @throws {Refusal} with everything that is missing at once
 */
export async function openMatrix(matrix: Matrix, { folder, file }: MatrixPlace): Promise<OpenedMatrix> {
  const findings: Finding[] = [];
  const missing: OnMissing = (what, next) =>
    findings.push({ id: 'matrix', severity: 'error', what, next, at: { file } });
  const released = releasedLivepatches(matrix, await readHistory(matrix, folder, missing));
  const files = await readFiles(matrix, folder, missing, findings);
  const kernels: OpenedKernel[] = [];
  const cached = await listKernels();
  const wanted = matrix.kernels.flatMap((one) => selectKernels(one, cached, missing));
  for (const { id, coveredUntil, shipped } of wanted) {
    const kernel = await openKernel(id).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      missing(error.message, error.next ?? `klpkit kernel add ${id}`);
      return undefined;
    });
    const inField = [
      ...(shipped === undefined ? [] : [await readShipped(folder, shipped, missing)]),
      ...(await Promise.all(
        inTheField(released, kernel?.id ?? id).map((one) => readReleased(folder, one, missing)),
      )),
    ];
    if (!kernel) continue;
    if (kernels.some((one) => one.kernel.id === kernel.id))
      missing(`${id} is ${kernel.id}, which the matrix has already`, 'name each kernel once');
    kernels.push({
      kernel,
      ...(coveredUntil ? { coveredUntil } : {}),
      shipped: inField.flatMap((one) => one ?? []),
    });
  }
  if (findings.length > 0) throw new Refusal(findings);
  return { ...files, released, kernels };
}

/** A matrix as a report needs it: its kernels need not be there, and what else is not there has changed. */
export interface ReportedMatrix extends MatrixFiles {
  /** Livepatches that may be in the field, by kernel. */
  readonly shipped: (kernel: KernelRow) => readonly JobInput[];
}

/**
 * Reads what a matrix names for a report of its last run. A patch that is gone makes its cells stale.
 *
 * @throws {Refusal} when it cannot be told what was released
 */
export async function openReport(matrix: Matrix, { folder, file }: MatrixPlace): Promise<ReportedMatrix> {
  const findings: Finding[] = [];
  const history = await readHistory(matrix, folder, (what, next) =>
    findings.push({ id: 'matrix', severity: 'error', what, next, at: { file } }),
  );
  if (findings.length > 0) throw new Refusal(findings);
  const files = await readFiles(matrix, folder, () => {}, []);
  const named = new Map<string, JobInput>();
  for (const { shipped } of matrix.kernels) {
    const read = shipped === undefined ? undefined : await readShipped(folder, shipped, () => {});
    if (shipped !== undefined && read) named.set(shipped, read.input);
  }
  const released = releasedLivepatches(matrix, history);
  return {
    ...files,
    released,
    shipped: (kernel) => {
      const own = named.get(entryOf(matrix, kernel)?.shipped ?? '');
      const inField = inTheField(released, kernel.id).map(({ file: path, sha256 }) => inputOf(path, sha256));
      return [...(own ? [own] : []), ...inField];
    },
  };
}

async function readFiles(
  matrix: Matrix,
  folder: string,
  missing: OnMissing,
  findings: Finding[],
): Promise<Pick<MatrixFiles, 'patches' | 'scenarios'>> {
  const paths = matrix.fixes.flatMap(({ patches, backports }) => [
    ...patches,
    ...backports.flatMap((backport) => backport.patches),
  ]);
  const patches = new Map<string, string>();
  for (const path of new Set(paths)) {
    const bytes = await readNamed(folder, path, missing);
    if (bytes) patches.set(path, new TextDecoder().decode(bytes));
  }
  const scenarios = new Map<string, string>();
  for (const name of matrix.policy.scenarios) {
    const text = await scenarioText(name, folder).catch((error: unknown) => {
      if (error instanceof Refusal) findings.push(...error.findings);
      else if (error instanceof UsageError) missing(error.message, error.next ?? 'name another scenario');
      else throw error;
    });
    if (text !== undefined) scenarios.set(name, text);
  }
  return { patches, scenarios };
}

async function readNamed(folder: string, path: string, missing: OnMissing): Promise<Uint8Array | undefined> {
  return readFile(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
    missing(`${path} cannot be read: ${error.code}`, 'give the file, or its right name');
    return undefined;
  });
}

/** The livepatch in the field that the entry of a kernel names. */
async function readShipped(folder: string, path: string, missing: OnMissing) {
  const bytes = await readNamed(folder, path, missing);
  return bytes && { input: inputOf(path, sha256Hex(bytes)), bytes };
}

/**
 * The text of a scenario that any livepatch can be taken through.
 *
 * @param name of one that klpkit brings, or a file below `folder`
 * @throws {Refusal} for one with mistakes
 * @throws {UsageError} for one that is not there, or wants more than one livepatch
 */
export async function scenarioText(name: string, folder: string): Promise<string> {
  const own = join(folder, name);
  const path = existsSync(own) ? own : await findScenario(name);
  const text = await readFile(path, 'utf8');
  const { modules, parameters } = readScenario(text, { file: name });
  const files = modules.filter(({ file }) => file !== undefined);
  if (modules.length !== 1 || files.length > 0)
    throw new UsageError(
      `the scenario ${name} has the modules ${modules.map(({ alias }) => alias).join(', ') || 'none'}, and a matrix gives it one livepatch`,
      'name a scenario of one module without a file, load-cycles for one',
    );
  const open = parameters.filter((one) => one.default === undefined && one.targetOf === undefined);
  if (open.length > 0)
    throw new UsageError(
      `the scenario ${name} has the parameters ${open.map((one) => one.name).join(', ')} without a default, and a matrix gives no values`,
      'give them a default in a copy of the scenario beside the matrix',
    );
  return text;
}

/**
 * The kernels that an entry of a matrix stands for: itself, or those of its series that are in the cache, by flavour and the newest
 * first. Told of through `missing` when there are fewer than it asks for.
 */
export function selectKernels(
  entry: MatrixKernel,
  cached: readonly Kernel[],
  missing: OnMissing,
): MatrixKernel[] {
  const { id: series, select, ...rest } = entry;
  if (!select) return [entry];
  return select.flavours.flatMap((flavour) => {
    const spec = flavour === 'amd64' ? series : `${series}-${flavour}`;
    const found = kernelsOfSeries(cached, spec);
    const { newest = Math.max(1, found.length) } = select;
    if (found.length < newest)
      missing(
        `the matrix asks for ${newest === 1 ? 'a kernel' : `the newest ${newest}`} of ${spec}, and the cache has ${
          found.length === 0 ? 'none' : found.map(({ id }) => id).join(', ')
        }`,
        found.length === 0
          ? `klpkit kernel add ${spec}`
          : `klpkit kernel add an older release of it, or ask for \`newest: ${found.length}\``,
      );
    return found.slice(0, newest).map(({ id }) => ({ id, ...rest }));
  });
}
