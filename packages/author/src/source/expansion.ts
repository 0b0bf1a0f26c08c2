import { existsSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { run } from '@klpkit/host';
import { compileEnvironment, type Kernel, type Unit } from '@klpkit/kernel';
import { argumentsFor } from '../compile/argv.ts';
import type { Overlay } from '../overlay/index.ts';
import { type Introduced, introducedBy } from './headers.ts';

/** A unit's text after the kernel's own preprocessor. */
export interface Expansion {
  /** What became of the lines of each file of the tree that is asked for; line 1 is at index 1. */
  readonly linesOf: (file: string) => readonly string[] | undefined;
  /** Files of the tree that the unit is made of. */
  readonly files: readonly string[];
  /** Names that occur in the text of any file but the unit's own. */
  readonly namesInHeaders: ReadonlySet<string>;
  /** What each `#include` of the unit's own files brings that those before it do not, by `file:line` of the directive. */
  readonly brought: () => ReadonlyMap<string, Introduced>;
  /** `#include`s of files of the unit's own, by `file:line`. */
  readonly ownIncludes: ReadonlySet<string>;
}

/**
 * Preprocesses a unit.
 *
 * @param overlay the view of the tree that the fix is applied in
 * @returns the text, or what the preprocessor complained of
 */
export async function expand(
  kernel: Kernel,
  unit: Unit,
  overlay: Overlay | undefined,
  isOwn: (file: string) => boolean,
  signal?: AbortSignal,
): Promise<Expansion | { readonly problem: string }> {
  const root = overlay?.folder ?? kernel.sourceDir;
  const argv = argumentsFor(unit, { side: 'after' }, kernel.sourceDir, root, kernel.compilerVersion);
  const source = [root, kernel.buildDir]
    .map((base) => join(base, unit.source))
    .find((path) => existsSync(path));
  const cwd = kernel.buildDir === kernel.sourceDir ? root : kernel.buildDir;
  const env = await compileEnvironment(kernel);
  const { code, stdout, stderr } = await run([...argv, '-w', '-E', '-dD', source ?? unit.source], {
    cwd,
    env,
    check: false,
    signal,
  });
  if (code !== 0) return { problem: stderr };
  return readExpansion(stdout, cwd, [root, kernel.sourceDir], isOwn);
}

/** Parts a preprocessed text by the files that its lines come from. */
export function readExpansion(
  text: string,
  cwd: string,
  roots: readonly string[],
  isOwn: (file: string) => boolean,
): Expansion {
  const lines = new Map<string, string[]>();
  const relative = new Map<string, string>();
  const pathOf = (written: string) => {
    let known = relative.get(written);
    if (known === undefined) {
      const path = normalize(isAbsolute(written) ? written : join(cwd, written));
      const base = roots.find((root) => path.startsWith(`${root}/`));
      known = base === undefined ? path : path.slice(base.length + 1);
      relative.set(written, known);
    }
    return known;
  };
  let file = '';
  let line = 0;
  let own: string[] | undefined;
  const others = new Set<string>();
  const texts = new Map<string, { code: string[]; defines: string[] }>();
  let brings: { code: string[]; defines: string[] } = { code: [], defines: [] };
  let include = '';
  const ownIncludes = new Set<string>();
  for (const content of text.split('\n')) {
    if (content.startsWith('# ')) {
      const marker = /^# (\d+) "((?:[^"\\]|\\.)*)"/.exec(content);
      if (marker) {
        const to = pathOf(marker[2].replaceAll('\\"', '"'));
        if (isOwn(to)) {
          if (
            own &&
            to !== file &&
            marker[0].length < content.length &&
            / 1( |$)/.test(content.slice(marker[0].length))
          )
            ownIncludes.add(`${file}:${line}`);
          own = lines.get(to) ?? [];
          lines.set(to, own);
        } else {
          // A directive of an own file is left for its header: the line counted last is that of the directive.
          if (own) include = `${file}:${line}`;
          own = undefined;
          others.add(to);
          const known = texts.get(include);
          brings = known ?? { code: [], defines: [] };
          if (!known) texts.set(include, brings);
        }
        line = Number(marker[1]);
        file = to;
        continue;
      }
    }
    if (content.startsWith('#define ') || content.startsWith('#undef ')) {
      if (!own) brings.defines.push(content);
    } else if (own) own[line] = own[line] === undefined ? content : `${own[line]} ${content}`;
    else if (content !== '') brings.code.push(content);
    line++;
  }
  let names: Set<string> | undefined;
  let brought: Map<string, Introduced> | undefined;
  return {
    linesOf: (path) => lines.get(path),
    ownIncludes,
    files: [...new Set([...lines.keys(), ...others])].sort(),
    get namesInHeaders() {
      names ??= new Set([...texts.values()].flatMap(({ code }) => code.flatMap(wordsOf)));
      return names;
    },
    brought() {
      brought ??= new Map(
        [...texts].map(([key, list]) => [key, introducedBy(list.code.join('\n'), list.defines)]),
      );
      return brought;
    },
  };
}

function wordsOf(text: string): string[] {
  return text.match(/[A-Za-z_]\w*/g) ?? [];
}
