import { basename, dirname, join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { Cell, ReleaseSigning } from '@klpkit/fleet';
import { buildCommand, buildRouteMap } from '@stricli/core';
import { action, type Context, jsonFlag, type Role } from '../context.ts';
import { countOf } from '../counts.ts';
import { Exit } from '../exit.ts';
import { isFile, readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly state?: string;
  readonly store?: string;
  readonly asOf?: string;
  readonly jobs?: number;
  readonly queue?: string;
}

const placeFlags = {
  state: {
    kind: 'parsed',
    parse: String,
    brief: 'Folder of the state; else MATRIX.state beside the file',
    placeholder: 'DIR',
    optional: true,
  },
  store: {
    kind: 'parsed',
    parse: String,
    brief: 'Store of modules, reports and results, a folder or s3://BUCKET/PREFIX; else in the state',
    placeholder: 'DIR|s3://…',
    optional: true,
  },
  asOf: {
    kind: 'parsed',
    parse: parseDay,
    brief: "The day that kernels' coveredUntil is held against; else today",
    placeholder: 'DAY',
    optional: true,
  },
} as const;

/** Reads a day, `2026-11-30`. @throws {UsageError} */
function parseDay(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new UsageError(`${text} is no day as 2026-11-30`);
  return text;
}

/** Today in UTC. */
const today = () => new Date().toISOString().slice(0, 10);

/** Where a matrix keeps its state, and where its results are. */
async function placesOf(
  path: string,
  { state, store }: { readonly state?: string | undefined; readonly store?: string | undefined },
): Promise<{ folder: string; address: string }> {
  const { storeAddress } = await import('@klpkit/fleet');
  const folder = state ?? `${join(dirname(path), basename(path).replace(/\.ya?ml$/, ''))}.state`;
  return { folder, address: storeAddress(store ?? join(folder, 'store')) };
}

/** Reads how many jobs there may be at once, or seconds of a lock. */
export const parseJobs = countOf(4);

const roles: Readonly<Partial<Record<Cell['state'], Role>>> = {
  proven: 'good',
  released: 'good',
  built: 'good',
  'does-not-apply': 'warning',
  refused: 'warning',
  failed: 'bad',
  disproven: 'bad',
  unpatchable: 'warning',
  unsupported: 'warning',
  expired: 'warning',
  mitigated: 'warning',
  withdrawn: 'bad',
};

/** `klpkit matrix run`: every fix on every kernel, to an end. */
const matrixRunCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Take every fix to an end on every kernel of a matrix',
    fullDescription: [
      'Reads kernels, fixes and policy from a YAML file. Each fix is held against each kernel: is it in already, does it',
      'apply, can it be livepatched, is the livepatch proven; then all good fixes of a kernel become one livepatch. What was',
      'finished before is not done again, so the same command resumes a run that was ended. Ends with code 1 if a cell',
      'waits for a human.',
      '',
      'EXAMPLE',
      '  klpkit matrix run fleet/matrix.yaml',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      ...placeFlags,
      jobs: {
        kind: 'parsed',
        parse: parseJobs,
        brief: 'Jobs at once; else as many as cores and memory allow',
        placeholder: 'N',
        optional: true,
      },
      queue: {
        kind: 'parsed',
        parse: String,
        brief: 'Have the jobs done by workers behind this queue, redis://HOST:PORT; they share the store',
        placeholder: 'URL',
        optional: true,
      },
    },
    aliases: { j: 'jobs' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The matrix', parse: String, placeholder: 'MATRIX.yaml' }],
    },
  },
  func: action('matrix', async (context, flags: Flags, path: string) => {
    const text = new TextDecoder().decode(await readUserFile(path));
    const fleet = await import('@klpkit/fleet');
    const matrix = fleet.readMatrix(text, path);
    const opened = await fleet.openMatrix(matrix, { folder: dirname(path), file: path });
    const { folder, address } = await placesOf(path, flags);
    const onWait = (why: string) => context.complain(`waits: ${why}`);
    const store = fleet.openStore(address, { onWait });
    const engine = flags.queue
      ? await fleet.QueueEngine.open(
          fleet.queueAddress(flags.queue, context.env.KLPKIT_QUEUE_PASSWORD),
          store,
        )
      : new fleet.LocalEngine(address, flags.jobs, onWait);
    const state = new fleet.MatrixState(folder);
    const total = opened.kernels.length * (matrix.fixes.length + (matrix.policy.cumulative ? 1 : 0));
    let done = 0;
    const tellProgress = () => context.progress.report({ label: 'matrix', done, total, unit: 'cells' });
    tellProgress();
    try {
      const { cells, jobs } = await fleet.runMatrix({
        matrix,
        ...opened,
        asOf: flags.asOf ?? today(),
        store,
        engine,
        state,
        onCell: (cell) => {
          done++;
          tellProgress();
          sayCell(context, cell);
        },
        signal: context.firstInterrupt(),
      });
      const isWaiting = cells.some(fleet.needsHuman);
      if (context.isJson) {
        const answer: Answer<'matrix'> = {
          command: 'matrix',
          outcome: isWaiting ? 'waiting' : 'done',
          cells,
          jobs,
        };
        context.answer(answer);
      }
      context.say(`${jobs.done} jobs done, ${jobs.kept} kept from before`);
      return isWaiting ? Exit.findings : Exit.done;
    } finally {
      context.progress.end();
      await engine.close();
      state.close();
    }
  }),
});

interface ReportFlags {
  readonly json: boolean;
  readonly state?: string;
  readonly store?: string;
  readonly html?: string;
  readonly csv?: string;
  readonly openvex?: string;
  readonly release?: string;
  readonly asOf?: string;
  readonly version?: string;
  readonly notice?: string;
  readonly key?: string;
  readonly cert?: string;
  readonly author: string;
  readonly date?: string;
}

/** RFC 3339, in UTC. */
function parseDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new UsageError(`${text} is no date as 2027-06-30T12:00:00Z`);
  return text;
}

const file = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, brief, placeholder, optional: true }) as const;

/** `klpkit matrix report`: what the last run knows, for people and for programs. */
const matrixReportCommand = buildCommand<ReportFlags, [string], Context>({
  docs: {
    brief: 'Tell what is covered, as a table, a page, CSV, JSON or OpenVEX',
    fullDescription: [
      'Reads the state of the last run; nothing is built. Cells that were derived from another matrix, patch or klpkit are',
      'shown as stale; what follows from the matrix alone, a withdrawal or the end of coverage, holds at once.',
      '',
      'With --release, each released livepatch is written with its report, manifest.json tells what is in it and what is',
      'withdrawn, and SHA256SUMS has all checksums; with a key, the modules are signed as by klpkit sign, and SHA256SUMS.p7s',
      'signs the checksums. Named under `released` in the matrix, the release is what the next one must follow. Ends with code',
      '1 if a cell waits for a human.',
      '',
      'EXAMPLE',
      '  klpkit matrix report fleet/matrix.yaml --html coverage --openvex coverage.vex.json',
      '  klpkit matrix report fleet/matrix.yaml --release livepatches-2026-11 --key key.pem --cert cert.pem',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      ...placeFlags,
      html: file('Folder for a page with the reports of all livepatches', 'DIR'),
      csv: file('File for the cells as CSV', 'FILE'),
      openvex: file('File for an OpenVEX document', 'FILE'),
      release: file('New folder for the released livepatches, a manifest and checksums', 'DIR'),
      version: file('What people call the release, for its manifest', 'VERSION'),
      notice: file('The notice that goes with the release, for its manifest', 'NOTICE'),
      key: file('Key that signs the release, as for klpkit sign', 'KEY.pem'),
      cert: file('Certificate of that key', 'CERT.pem'),
      author: {
        kind: 'parsed',
        parse: String,
        brief: 'Author of the OpenVEX document',
        placeholder: 'NAME',
        default: 'unknown',
      },
      date: {
        kind: 'parsed',
        parse: parseDate,
        brief: 'Time of the OpenVEX document; else now',
        placeholder: 'DATE',
        optional: true,
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The matrix', parse: String, placeholder: 'MATRIX.yaml' }],
    },
  },
  func: action('matrix report', async (context, flags: ReportFlags, path: string) => {
    const fleet = await import('@klpkit/fleet');
    const { writeFileAtomic } = await import('@klpkit/host');
    const matrix = fleet.readMatrix(new TextDecoder().decode(await readUserFile(path)), path);
    const signing = signingOf(context, flags);
    const { folder, address } = await placesOf(path, flags);
    if (!(await isFile(join(folder, 'matrix.sqlite'))))
      throw new UsageError(`${folder} holds no state of a run`, `klpkit matrix ${path}`);
    const state = new fleet.MatrixState(folder);
    const [kernels, rows] = [state.kernels(), state.rows()];
    state.close();
    const opened = await fleet.openReport(matrix, { folder: dirname(path), file: path });
    const asOf = flags.asOf ?? today();
    const facts = { asOf, warnDays: matrix.policy.warnDays, released: opened.released };
    const standing = fleet.standingCells({ matrix, ...opened, asOf, kernels, rows });
    const cells = fleet.withNextKernel(
      standing.map((cell) => fleet.withoutWithdrawn(cell, opened.released)),
      asOf,
    );
    const unknown = cells.filter(fleet.isUnfinished).length;
    if (flags.csv) await writeFileAtomic(flags.csv, fleet.coverageCsv(cells));
    if (flags.openvex) {
      const timestamp = flags.date ?? `${new Date().toISOString().slice(0, 19)}Z`;
      await writeFileAtomic(flags.openvex, fleet.openVex(cells, facts, { author: flags.author, timestamp }));
    }
    if (flags.html)
      await fleet.writeCoverage(flags.html, matrix.name, cells, facts, fleet.openStore(address));
    const { version, notice } = flags;
    const release =
      flags.release === undefined
        ? undefined
        : await fleet.writeRelease(flags.release, matrix, cells, facts, fleet.openStore(address), {
            version,
            notice,
            signing,
          });
    const unseen = fleet.unseenKernels(matrix, kernels);
    const isWaiting = unseen.length > 0 || cells.some(fleet.needsHuman);
    if (context.isJson) {
      const answer: Answer<'matrix-report'> = {
        command: 'matrix report',
        outcome: isWaiting ? 'waiting' : 'done',
        cells,
        unknown,
        unseen,
        kernels: fleet.coverageOf(cells, facts).map(({ open, livepatch: _, released, ...coverage }) => ({
          ...coverage,
          open: open.map(({ fix }) => fix),
          released: released.map(({ kernel: __, file: ___, ...one }) => one),
        })),
        groups: fleet.groupsOf(cells).map(({ key, fix, cells: of, differs }) => ({
          key,
          fix,
          kernels: of.map(({ kernel }) => kernel),
          differs,
        })),
        ...(flags.release !== undefined && release
          ? {
              release: {
                folder: flags.release,
                isSigned: signing !== undefined,
                kernels: release.kernels.map(({ kernel, module }) => ({
                  kernel,
                  file: module.file,
                  sha256: module.sha256,
                })),
              },
            }
          : {}),
      };
      context.answer(answer);
    }
    context.say(fleet.coverageText(cells, facts).trimEnd());
    if (release)
      context.say(
        `\n${context.paint('good', 'written')}  ${flags.release}: ${release.kernels.length} livepatches${signing ? ', signed' : ''}`,
      );
    for (const id of unseen) context.say(`no run has seen a kernel of ${id}: klpkit matrix ${path}`);
    if (unknown > 0) context.say(`${unknown} cells are not at their end: klpkit matrix ${path}`);
    return isWaiting ? Exit.findings : Exit.done;
  }),
});

/** What signs a release, from the flags. @throws {UsageError} for flags that do not go together */
function signingOf(context: Context, { release, key, cert }: ReportFlags): ReleaseSigning | undefined {
  if (key === undefined && cert === undefined) return undefined;
  if (release === undefined || key === undefined || cert === undefined)
    throw new UsageError('a signed release needs --release, --key and --cert', 'give all three of them');
  return {
    key,
    cert,
    pin: context.env.KBUILD_SIGN_PIN,
    kernelOf: async (id) => (await import('@klpkit/kernel')).openKernel(id),
  };
}

/** `klpkit matrix`: runs, unless it is to report. */
export const matrixRoute = buildRouteMap<string, Context>({
  routes: { run: matrixRunCommand, report: matrixReportCommand },
  defaultCommand: 'run',
  docs: {
    brief: 'Many kernels, many fixes: take each to an end, and tell what is covered',
    fullDescription: [
      'A matrix of kernels and fixes.',
      '',
      'EXAMPLE',
      '  klpkit matrix fleet/matrix.yaml',
    ].join('\n'),
  },
});

function sayCell(context: Context, { release, fix, state, reason, next }: Cell): void {
  const what = context.paint(roles[state] ?? 'dim', state.padEnd(14));
  context.say(`${what} ${context.paint('name', `${release} ${fix === '*' ? 'all fixes' : fix}`)}: ${reason}`);
  if (next) context.say(context.paint('dim', `${' '.repeat(15)}next: ${next}`));
}
