import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '@klpkit/host';
import { compileEnvironment, type Kernel, type Unit } from '@klpkit/kernel';

/** One message of the compiler. */
export interface Diagnostic {
  readonly kind: 'error' | 'warning';
  readonly message: string;
  /** The names that the message quotes. */
  readonly names: readonly string[];
  /** Line of the generated file, when it lies there. */
  readonly line: number | undefined;
}

/** What came of compiling a generated file. */
export interface Compiled {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when it does not compile. */
  readonly object?: Uint8Array;
}

interface GccMessage {
  readonly kind: string;
  readonly message: string;
  readonly locations?: readonly { readonly caret?: { readonly file: string; readonly line: number } }[];
}

/**
 * Compiles a generated file as `klpkit build` compiles a folder, with messages as data.
 *
 * @param headers files of the folder that it includes, by path
 * @param folder a place of its own; what is there is removed
 */
export async function compileGenerated(
  kernel: Kernel,
  unit: Unit,
  { text, headers }: { readonly text: string; readonly headers: ReadonlyMap<string, string> },
  folder: string,
  signal?: AbortSignal,
): Promise<Compiled> {
  const source = join(folder, 'generated.c');
  const object = join(folder, 'generated.o');
  const own = join(folder, 'headers');
  // What an earlier unit left must not be found.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(source, text);
  for (const [path, header] of headers) {
    await mkdir(dirname(join(own, path)), { recursive: true });
    await writeFile(join(own, path), header);
  }
  const argv = unit.argv.filter((word) => !/^-g(dwarf.*|z.*|split-dwarf|\d|btf)?$|^-Werror$/.test(word));
  const places = [
    ...new Set([kernel.sourceDir, kernel.buildDir].map((root) => join(root, dirname(unit.source)))),
  ];
  const result = await run(
    [
      ...argv,
      '-g0',
      '-c',
      '-o',
      object,
      source,
      '-ffunction-sections',
      '-fdata-sections',
      '-Wno-missing-prototypes',
      '-Wno-missing-declarations',
      '-Wunused-function',
      '-Wunused-variable',
      '-Wunused-const-variable=2',
      '-fdiagnostics-format=json',
      '-fmax-errors=0',
      // Two compilations of one text in different folders give one object.
      `-fmacro-prefix-map=${folder}/=`,
      '-iquote',
      own,
      ...places.flatMap((place) => ['-iquote', place]),
    ],
    { cwd: kernel.buildDir, env: await compileEnvironment(kernel), check: false, signal, timeoutMs: 300_000 },
  );
  const diagnostics = readDiagnostics(result.stderr, source);
  if (result.code !== 0) {
    if (!diagnostics.some(({ kind }) => kind === 'error'))
      diagnostics.push({
        kind: 'error',
        message: result.stderr.trim().slice(-400),
        names: [],
        line: undefined,
      });
    return { diagnostics };
  }
  return { diagnostics, object: new Uint8Array(await readFile(object)) };
}

/** Reads what gcc writes with `-fdiagnostics-format=json`. */
export function readDiagnostics(stderr: string, source: string): Diagnostic[] {
  const begin = stderr.indexOf('[');
  if (begin < 0) return [];
  let messages: readonly GccMessage[];
  try {
    messages = JSON.parse(stderr.slice(begin, stderr.lastIndexOf(']') + 1)) as GccMessage[];
  } catch {
    return [];
  }
  return messages.flatMap(({ kind, message, locations }) => {
    if (kind !== 'error' && kind !== 'warning' && kind !== 'fatal error') return [];
    const caret = locations?.[0]?.caret;
    return {
      kind: kind === 'warning' ? ('warning' as const) : ('error' as const),
      message,
      names: quoted(message),
      line: caret?.file === source ? caret.line : undefined,
    };
  });
}

/** Names between quotation marks, plain or typographic; `struct foo` gives `foo`. */
function quoted(message: string): string[] {
  return [...message.matchAll(/['‘]([^'’]+)['’]/g)].flatMap(([, text]) => {
    const name = /^(?:(?:static|const|struct|union|enum)\s+)*([A-Za-z_]\w*)/.exec(text)?.[1];
    return name === undefined ? [] : [name];
  });
}
