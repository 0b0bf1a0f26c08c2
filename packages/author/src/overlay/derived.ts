import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Finding } from '@klpkit/findings';
import { inTemporaryFolder, run, writeFileAtomic } from '@klpkit/host';
import { compileEnvironment, findUnits, type Kernel } from '@klpkit/kernel';
import { argumentsFor } from '../compile/argv.ts';
import type { Overlay } from './overlay.ts';

/** Sources that no code comes from, but constants for assembly: offsets and sizes of structures. */
const sources = ['arch/x86/kernel/asm-offsets.c', 'kernel/bounds.c', 'kernel/sched/rq-offsets.c'];

/** Headers that programs of the build read to generate others, and what comes of them. */
const readByPrograms: readonly (readonly [RegExp, string])[] = [
  [/^arch\/x86\/include\/asm\/(cpufeatures|vmxfeatures)\.h$/, 'the names of CPU features in /proc/cpuinfo'],
  [
    /^security\/selinux\/include\/(classmap|initial_sid_to_string|policycap)\.h$/,
    'the tables of SELinux classes',
  ],
  [
    /^include\/uapi\/linux\/(capability|socket|fs|mount|in)\.h$/,
    'the names that AppArmor and SELinux have for constants',
  ],
];

/** What one of the sources says, by name. */
interface Derived {
  readonly constants: Readonly<Record<string, string>>;
  /** The headers that it reads, relative to the tree. */
  readonly headers: readonly string[];
}

/**
 * What a fix changes in headers that the build generates from others. They stay as they are on the after side, since the rest of the
 * kernel was compiled with them; so a structure whose layout they know must not change (KLP502).
 */
export async function derivedFindings(
  kernel: Kernel,
  overlay: Overlay,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const headers = [...overlay.files.keys()].filter((path) => !path.endsWith('.c'));
  const findings: Finding[] = [];
  for (const header of headers) {
    const what = readByPrograms.find(([pattern]) => pattern.test(header))?.[1];
    if (what === undefined) continue;
    findings.push({
      id: 'generated-from-header',
      severity: 'warning',
      what: `${header} is also read by a program of the build, which makes ${what} of it; that stays as it is`,
      next: 'make sure that the fix does not need it',
      at: { file: header },
    });
  }
  if (headers.length === 0) return findings;
  const before = await derivedBefore(kernel, signal);
  for (const [source, { constants, headers: read }] of Object.entries(before)) {
    const reached = headers.filter((header) => read.includes(header));
    if (reached.length === 0) continue;
    const after = await derive(kernel, source, overlay.folder, 'after', signal);
    if (typeof after === 'string') continue; // The units that include the header will say why.
    const moved = Object.entries(constants).filter(([name, value]) => after.constants[name] !== value);
    if (moved.length === 0) continue;
    const shown = moved
      .slice(0, 4)
      .map(([name, value]) => `${name} (${value} to ${after.constants[name] ?? 'nothing'})`);
    findings.push({
      id: 'KLP502',
      severity: 'error',
      what: `${reached.join(', ')} changes what assembly code and all of the kernel know: ${shown.join(', ')}${moved.length > 4 ? ` and ${moved.length - 4} more` : ''}`,
      why: 'offsets and sizes of structures are compiled into the running kernel, its assembly included, and its objects have the old layout',
      next: 'keep the layout: put new data into a shadow variable (klp_shadow_alloc)',
      at: { file: reached[0] as string },
    });
  }
  return findings;
}

/** The constants of the shipped kernel's source; computed once per kernel and kept in its folder. */
async function derivedBefore(kernel: Kernel, signal?: AbortSignal): Promise<Record<string, Derived>> {
  const path = join(kernel.dir, 'derived-1.json');
  // The files of a build tree can change, so there nothing is kept.
  const isFixed = kernel.sourceVersion !== undefined;
  const known = isFixed ? await readFile(path, 'utf8').catch(() => undefined) : undefined;
  if (known !== undefined) return JSON.parse(known) as Record<string, Derived>;
  const all: Record<string, Derived> = {};
  for (const source of sources) {
    if (!existsSync(join(kernel.sourceDir, source))) continue;
    const derived = await derive(kernel, source, kernel.sourceDir, 'before', signal);
    if (typeof derived !== 'string') all[source] = derived;
  }
  if (isFixed) await writeFileAtomic(path, JSON.stringify(all));
  return all;
}

/** Compiles one of the sources to assembly text and reads its constants; what the compiler says if it does not compile. */
async function derive(
  kernel: Kernel,
  source: string,
  root: string,
  side: 'before' | 'after',
  signal?: AbortSignal,
): Promise<Derived | string> {
  // Kbuild compiles them with the flags of any unit that is built in.
  const { units } = await findUnits(kernel, ['init/main.c'], { signal });
  const [unit] = units;
  if (!unit) return 'init/main.c is not built';
  return inTemporaryFolder('klpkit-derived-', async (folder) => {
    const list = join(folder, 'list');
    const text = join(folder, 'text');
    const argv = [
      ...argumentsFor(unit, { side }, kernel.sourceDir, root, kernel.compilerVersion),
      '-w',
      ...['-MMD', '-MF', list, '-MT', 'unit', '-S', '-o', text, join(root, source)],
    ];
    const cwd = kernel.buildDir === kernel.sourceDir ? root : kernel.buildDir;
    const env = await compileEnvironment(kernel);
    const { code, stderr } = await run(argv, { cwd, env, check: false, signal });
    if (code !== 0) return stderr;
    const constants: Record<string, string> = {};
    // What the kernel's DEFINE() writes: .ascii "->NAME $value comment"
    for (const match of (await readFile(text, 'utf8')).matchAll(/"->(\w+) \$?(-?\w+)/g))
      constants[match[1] as string] = match[2] as string;
    const headers = (await readFile(list, 'utf8'))
      .split(/[\s\\]+/)
      .map((word) => normalize(word))
      .filter((path) => path.startsWith(`${root}/`))
      .map((path) => path.slice(root.length + 1));
    return { constants, headers: [...new Set(headers)].sort() };
  });
}
