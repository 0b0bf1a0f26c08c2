// Reads and compares mutated objects until the time is over: `npm run fuzz:objects -- --seconds 60 --seed 1`.
// Only a FormatError or a Refusal may come of it; anything else, a case that lasts, or memory that grows is shown with its seed.
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  compareObjects,
  compareTypes,
  readObjectModel,
  typesOfObjects,
} from '../../packages/compare/src/index.ts';
import { compile, kernelFlags } from '../../packages/compare/src/testing/compile.ts';
import { machines } from '../../packages/compare/src/testing/machines.ts';
import { mutate, randomOf } from '../../packages/compare/src/testing/mutate.ts';
import { unitHead, unitParts } from '../../packages/compare/src/testing/unit.ts';
import { readElf } from '../../packages/formats/src/index.ts';

/** A case may take so long, in milliseconds of its thread; the objects take a few each. */
const longestCase = 2_000;
/** Mebibytes of JavaScript values, and of array buffers after a collection, that the worker may hold. */
const mostHeap = 192;
const mostBuffers = 64;

interface Progress {
  readonly seed: number;
  readonly read?: boolean;
  readonly milliseconds?: number;
  readonly failure?: string;
  readonly bufferBytes?: number;
}

/** Objects of every machine and of the compilers whose objects look different. */
async function corpus(): Promise<Uint8Array[]> {
  const plain = `
    static int hidden = 3; static noinline int inner(int n) { static int count; return external(count += n) * external(n); }
    const char *const names[] = { "one", "two" };
    int outer(int n) { if (unlikely(n == 5)) cold_external("rare"); printk("text %d", hidden); return inner(n) + 1; }
    int choose(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return 99; } return external(0); }`;
  const typed = `
    enum kind { NONE = -1, SOME = 7 }; typedef struct { short a; char b; } pair;
    struct tree { struct tree *left, *right; union { long value; struct { unsigned low : 3, high : 20; }; }; pair list[2][3];
      enum kind kind; int (*call)(struct tree *, ...); char tail[]; };
    int visit(struct tree *tree) { return tree->call(tree->left, tree->kind, tree->list[1][2].a); }`;
  const clang = kernelFlags.filter((flag) => flag !== '-mrecord-mcount');
  return Promise.all([
    compile(unitHead + unitParts.join('\n')),
    compile(unitHead + unitParts.join('\n'), ['-fno-function-sections', '-fno-data-sections']),
    ...machines.slice(1).map(({ flags, compiler }) => compile(plain, [], flags, compiler)),
    compile(plain, ['-fsanitize=kcfi'], clang, 'clang-19'),
    compile(plain, [], clang, 'clang-14'),
    compile(typed, ['-gbtf']),
    compile(typed, ['-g']),
    compile(typed, ['-gdwarf-4'], clang, 'clang-19'),
  ]);
}

function attempt(objects: readonly Uint8Array[], seed: number): boolean {
  const random = randomOf(seed);
  const original = objects[Math.floor(random() * objects.length)];
  const hostile = mutate(original, random);
  try {
    const model = readObjectModel(hostile);
    compareObjects(readObjectModel(original), model);
    compareObjects(model, readObjectModel(random() < 0.5 ? original : mutate(original, random)));
    const types = typesOfObjects(readElf(original), model.elf);
    if (types) compareTypes(types.before, types.after);
    return true;
  } catch (error) {
    if (error instanceof Error && (error.name === 'FormatError' || error.name === 'Refusal')) return false;
    throw error;
  }
}

function work(): void {
  const { objects, first, until } = workerData as { objects: Uint8Array[]; first: number; until: number };
  const say = (progress: Progress) => parentPort?.postMessage(progress);
  for (let seed = first; Date.now() < until; seed++) {
    say({ seed });
    const start = process.threadCpuUsage();
    let failure: string | undefined;
    let read = false;
    try {
      read = attempt(objects, seed);
    } catch (error) {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    // Of this thread alone: other programs of the machine count for nothing.
    const used = process.threadCpuUsage(start);
    const milliseconds = (used.user + used.system) / 1000;
    say({
      seed,
      read,
      milliseconds,
      bufferBytes: process.memoryUsage().arrayBuffers,
      ...(failure ? { failure } : {}),
    });
    if (failure) return;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      only: { type: 'boolean', default: false },
    },
  });
  const objects = await corpus();
  const first = Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(first) || !(seconds > 0)) {
    process.stderr.write('usage: npm run fuzz:objects -- [--seconds N] [--seed S] [--only]\n');
    process.exit(2);
  }
  if (values.only) {
    process.stdout.write(`${attempt(objects, first) ? 'read' : 'refused'}\n`);
    return;
  }
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { objects, first, until: Date.now() + seconds * 1000 },
    resourceLimits: { maxOldGenerationSizeMb: mostHeap },
  });
  const state = { seed: first, cases: 0, read: 0, longest: 0, since: Date.now(), buffers: 0 };
  const fail = (what: string) => {
    process.stdout.write(
      `seed ${state.seed}: ${what}\nagain: npm run fuzz:objects -- --only --seed ${state.seed}\n`,
    );
    process.exit(1);
  };
  const watchdog = setInterval(() => {
    if (Date.now() - state.since > 60_000) fail('does not end');
  }, 1_000);
  worker.on('message', ({ seed, read, milliseconds, failure, bufferBytes }: Progress) => {
    state.seed = seed;
    state.since = Date.now();
    if (failure) fail(failure);
    if (milliseconds === undefined) return;
    state.cases++;
    if (read) state.read++;
    state.longest = Math.max(state.longest, milliseconds);
    state.buffers = Math.max(state.buffers, bufferBytes ?? 0);
    if (milliseconds > longestCase) fail(`takes ${Math.round(milliseconds)} ms`);
    if ((bufferBytes ?? 0) > mostBuffers * 2 ** 20) fail(`holds ${bufferBytes} bytes of buffers`);
  });
  worker.on('error', (error) => fail(error.message));
  await new Promise((resolve) => worker.on('exit', resolve));
  clearInterval(watchdog);
  process.stdout.write(
    `${state.cases} cases from seed ${first}, ${state.read} read to the end, longest ${Math.round(state.longest)} ms, at most ${Math.round(state.buffers / 2 ** 20)} MiB of buffers\n`,
  );
}

if (isMainThread) await main();
else work();
