import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { type Kernel, kernelsOfSeries, listKernels, openKernel } from '@klpkit/kernel';
import { findScenario, readScenario } from '@klpkit/prove';
import type { OpenedKernel } from './run.ts';
import type { Matrix, MatrixKernel } from './types.ts';

/** A matrix with everything that it names read. */
export interface OpenedMatrix {
  readonly kernels: readonly OpenedKernel[];
  readonly patches: ReadonlyMap<string, string>;
  /** Texts of the scenarios by what the policy calls them. */
  readonly scenarios: ReadonlyMap<string, string>;
}

/**
 * Opens the kernels of a matrix, which must be in the cache, and reads its patches.
 *
 * @param folder that paths of the matrix are relative to
 * @throws {Refusal} with everything that is missing at once
 */
export async function openMatrix(matrix: Matrix, folder: string, file: string): Promise<OpenedMatrix> {
  const findings: Finding[] = [];
  const missing = (what: string, next: string) =>
    findings.push({ id: 'matrix', severity: 'error', what, next, at: { file } });
  const read = async (path: string) =>
    readFile(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      missing(`${path} cannot be read: ${error.code}`, 'give the file, or its right name');
      return undefined;
    });
  const kernels: OpenedKernel[] = [];
  const cached = await listKernels();
  const wanted = matrix.kernels.flatMap((one) => selectKernels(one, cached, missing));
  for (const { id, coveredUntil, shipped } of wanted) {
    const kernel = await openKernel(id).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      missing(error.message, error.next ?? `klpkit kernel add ${id}`);
      return undefined;
    });
    const bytes = shipped === undefined ? undefined : await read(shipped);
    if (!kernel) continue;
    if (kernels.some((one) => one.kernel.id === kernel.id))
      missing(`${id} is ${kernel.id}, which the matrix has already`, 'name each kernel once');
    kernels.push({
      kernel,
      ...(coveredUntil ? { coveredUntil } : {}),
      ...(bytes && shipped ? { shipped: { name: shipped.replace(/^.*\//, ''), bytes } } : {}),
    });
  }
  const paths = matrix.fixes.flatMap(({ patches, backports }) => [
    ...patches,
    ...backports.flatMap((backport) => backport.patches),
  ]);
  const patches = new Map<string, string>();
  for (const path of new Set(paths)) {
    const bytes = await read(path);
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
  if (findings.length > 0) throw new Refusal(findings);
  return { kernels, patches, scenarios };
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
  missing: (what: string, next: string) => void,
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
