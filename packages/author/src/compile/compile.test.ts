import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MissingTool, Refusal } from '@klpkit/findings';
import { readBtf, readElf } from '@klpkit/formats';
import type { Kernel, Unit } from '@klpkit/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withLineDirectives } from '../fix/index.ts';
import { makeOverlay, type Overlay } from '../overlay/index.ts';
import { argumentsFor } from './argv.ts';
import { assertCompiler, type CompiledUnit, compileAll, compileUnit, type FailedUnit } from './index.ts';

const compilerVersion = execFileSync('gcc-12', ['--version'], { encoding: 'utf8' }).split('\n')[0] as string;

/** A tree of the shape of a kernel's: headers by <…>, beside the source, by ../ from a sibling, and past the top. */
const files = {
  Makefile: 'all:\n',
  'include/linux/top.h': '#define TOP 1\n#include "sub/low.h"\n',
  'include/linux/sub/low.h': '#define LOW_SEES AGAIN\n#include "../value.h"\n',
  'include/linux/value.h': 'enum { VALUE = 1 };\n',
  'fs/beside.h': 'enum { BESIDE = 1 };\n',
  'fs/one.c': '#include <linux/top.h>\n#include "beside.h"\nint one(void) { return VALUE + BESIDE; }\n',
  'fs/two.c': '#include "beside.h"\nint two(void) { return BESIDE; }\nint line(void) { return __LINE__; }\n',
  'kernel/three.c': '#include "../fs/beside.h"\nint three(void) { return BESIDE; }\n',
  'kernel/four.c': 'int four(void) { return 4; }\nconst char *file = __FILE__;\n',
  'lib/five.c': '#include <linux/deep.h>\nint five(void) { return BESIDE; }\n',
  'include/linux/deep.h': '#include "../../drivers/a/way.h"\n',
  'drivers/a/way.h': '#include "../../kernel/../fs/beside.h"\n',
};

let folder = '';
let kernel: Kernel;
let cacheHome: string | undefined;
let views = 0;

const put = (base: string, path: string, text: string) => {
  mkdirSync(dirname(join(base, path)), { recursive: true });
  writeFileSync(join(base, path), text);
};
const unitOf = (source: keyof typeof files): Unit => ({
  source,
  object: source.replace(/\.c$/, '.o'),
  owner: 'vmlinux',
  argv: [
    'gcc-12',
    '-O2',
    '-g',
    '-Wall',
    '-Werror=implicit-function-declaration',
    `-fmacro-prefix-map=${kernel.sourceDir}/=`,
    `-I${kernel.sourceDir}/lib/../include`,
  ],
});
const view = (changed: Record<string, string | undefined>): Overlay =>
  makeOverlay(
    kernel.sourceDir,
    Object.entries(changed).map(([path, text]) => ({ path, text })),
    join(folder, `view${views++}`),
  );

function compiled(result: CompiledUnit | FailedUnit): CompiledUnit {
  if ('finding' in result) throw new Error(result.finding.why);
  return result;
}
function finding(result: CompiledUnit | FailedUnit) {
  if ('finding' in result) return result.finding;
  throw new Error('it compiled');
}

/** The number that a function of an object returns. */
function returned(bytes: Uint8Array, name: string): number {
  const object = join(folder, 'read.o');
  writeFileSync(object, bytes);
  const text = execFileSync('objdump', ['-d', `--disassemble=${name}`, object], { encoding: 'utf8' });
  return Number(/mov\s+\$(0x[0-9a-f]+),%eax/.exec(text)?.[1]);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-compile-test-'));
  cacheHome = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
});
afterAll(() => {
  if (cacheHome === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheHome;
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  const base = mkdtempSync(join(folder, 'kernel-'));
  const sourceDir = join(base, 'source');
  for (const [path, text] of Object.entries(files)) put(sourceDir, path, text);
  mkdirSync(join(base, 'build'));
  put(base, 'environment.json', JSON.stringify({ PATH: process.env.PATH, LC_ALL: 'C' }));
  kernel = {
    id: `tree:${base}`,
    release: '6.12.0-test',
    arch: 'x86',
    dir: base,
    sourceDir,
    buildDir: join(base, 'build'),
    headersDir: base,
    compiler: 'gcc-12',
    compilerVersion,
    vmlinuz: '',
    vmlinux: '',
    modulesDir: '',
    moduleSymvers: '',
    moduleLds: '',
    objtool: '',
    modpost: '',
  };
});

describe('the view of the source', () => {
  const changed = 'enum { BESIDE = 100 };\n';

  test.each([
    ['beside the source', 'fs/one.c', 'one', 'fs/beside.h', changed, 2, 101],
    ['by ../ from another folder', 'kernel/three.c', 'three', 'fs/beside.h', changed, 1, 100],
    [
      'by <> and ../ of a header below',
      'fs/one.c',
      'one',
      'include/linux/value.h',
      'enum { VALUE = 50 };\n',
      2,
      51,
    ],
    ['by several ways up and down', 'lib/five.c', 'five', 'fs/beside.h', changed, 1, 100],
  ] as const)('a changed header is found %s', async (_, source, name, path, text, before, after) => {
    const unit = unitOf(source);
    const old = compiled(await compileUnit(kernel, { unit, side: 'before' }));
    expect(returned(old.bytes, name)).toBe(before);
    expect(old.dependencies).toContain(path);
    const fresh = compiled(
      await compileUnit(kernel, { unit, side: 'after', overlay: view({ [path]: text }) }),
    );
    expect(returned(fresh.bytes, name)).toBe(after);
    expect(fresh.dependencies).toEqual(old.dependencies);
  });

  test('without folders made real, the old header would be read', async () => {
    const overlay = view({ 'fs/beside.h': changed });
    expect(existsSync(join(overlay.folder, 'kernel/../fs/beside.h'))).toBe(true);
    const text = execFileSync('cat', [`${overlay.folder}/kernel/../fs/beside.h`], { encoding: 'utf8' });
    expect(text).toBe(files['fs/beside.h']);
    await compileUnit(kernel, { unit: unitOf('kernel/three.c'), side: 'after', overlay });
    expect(execFileSync('cat', [`${overlay.folder}/kernel/../fs/beside.h`], { encoding: 'utf8' })).toBe(
      changed,
    );
  });

  test('nor does a unit fail because of an old header', async () => {
    const overlay = view({
      'fs/beside.h': 'enum { BESIDE = 1, FRESH = 3 };\n',
      'include/linux/deep.h': `${files['include/linux/deep.h']}static inline int fresh(void) { return FRESH; }\n`,
    });
    compiled(await compileUnit(kernel, { unit: unitOf('lib/five.c'), side: 'after', overlay }));
  });

  test('a way that leads past it is an error, never a wrong object', async () => {
    const unit = {
      ...unitOf('kernel/four.c'),
      argv: [...unitOf('kernel/four.c').argv, '-include', '../source/fs/beside.h'],
    };
    const overlay = view({ 'fs/beside.h': changed });
    expect(finding(await compileUnit(kernel, { unit, side: 'after', overlay }))).toMatchObject({
      id: 'fix-not-seen',
      what: 'kernel/four.c is compiled with the old content of fs/beside.h',
    });
    compiled(await compileUnit(kernel, { unit, side: 'before' }));
  });

  test('files that are added, and files that are gone', async () => {
    const overlay = view({ 'fs/beside.h': '#include "fresh.h"\n', 'fs/fresh.h': 'enum { BESIDE = 7 };\n' });
    const fresh = compiled(await compileUnit(kernel, { unit: unitOf('fs/two.c'), side: 'after', overlay }));
    expect(returned(fresh.bytes, 'two')).toBe(7);
    const gone = view({ 'fs/beside.h': undefined });
    expect(
      finding(await compileUnit(kernel, { unit: unitOf('fs/two.c'), side: 'after', overlay: gone })).what,
    ).toContain('beside.h: No such file');
  });

  test('__FILE__ and an unchanged unit are the same on both sides, to the byte', async () => {
    for (const source of ['kernel/four.c', 'fs/one.c'] as const) {
      const text = `${files[source]}/* a comment */\n`;
      const before = compiled(await compileUnit(kernel, { unit: unitOf(source), side: 'before' }));
      const after = compiled(
        await compileUnit(kernel, { unit: unitOf(source), side: 'after', overlay: view({ [source]: text }) }),
      );
      expect(after.bytes).toEqual(before.bytes);
    }
    const { bytes } = compiled(await compileUnit(kernel, { unit: unitOf('kernel/four.c'), side: 'before' }));
    expect(Buffer.from(bytes).includes('kernel/four.c\0')).toBe(true);
    expect(Buffer.from(bytes).includes(kernel.sourceDir)).toBe(false);
  });

  test('the tree stays as it is', async () => {
    const before = readdirSync(kernel.sourceDir, { recursive: true }).sort();
    await compileUnit(kernel, {
      unit: unitOf('kernel/three.c'),
      side: 'after',
      overlay: view({ 'fs/beside.h': changed }),
    });
    expect(readdirSync(kernel.sourceDir, { recursive: true }).sort()).toEqual(before);
  });
});

describe('compileAll', () => {
  const sources = ['fs/one.c', 'fs/two.c', 'kernel/three.c', 'kernel/four.c'] as const;
  const request = (overlay: Overlay) =>
    sources.flatMap((source) => [
      { unit: unitOf(source), side: 'before' as const },
      { unit: unitOf(source), side: 'after' as const, overlay },
    ]);

  test('compiles no after side that reads nothing of what is changed', async () => {
    const seen: string[] = [];
    const { compiled: all, failed } = await compileAll(
      kernel,
      request(view({ 'fs/beside.h': 'enum { BESIDE = 9 };\n' })),
      {
        jobs: 2,
        onProgress: ({ done, total }) => seen.push(`${done}/${total}`),
      },
    );
    expect(failed).toEqual([]);
    expect(all.map(({ unit, side }) => `${side} ${unit.source}`)).toEqual(
      sources.flatMap((source) => [`before ${source}`, `after ${source}`]),
    );
    expect(all.filter(({ isBefore }) => isBefore).map(({ unit }) => unit.source)).toEqual(['kernel/four.c']);
    const after = all.filter(({ side }) => side === 'after');
    expect(returned((after[1] as CompiledUnit).bytes, 'two')).toBe(9);
    expect(returned((after[2] as CompiledUnit).bytes, 'three')).toBe(9);
    expect(after[3]?.bytes).toEqual(all[6]?.bytes);
  });

  test('compiles it when a new file could be found instead', async () => {
    const overlay = view({ 'include/linux/beside.h': 'enum { BESIDE = 9 };\n' });
    const { compiled: all } = await compileAll(kernel, request(overlay), { jobs: 2 });
    expect(all.filter(({ isBefore }) => isBefore).map(({ unit }) => unit.source)).toEqual(['kernel/four.c']);
  });

  test('tells all units that do not compile, with the lines of the fixed file', async () => {
    const text = files['fs/two.c']
      .replace('int two', 'int more;\nint more2;\nint two')
      .replace('int line', 'int bad(void) { return missing(); }\nint line');
    const numbered = withLineDirectives(files['fs/two.c'], text);
    expect(numbered).toContain('#line');
    const overlay = view({ 'fs/two.c': numbered, 'fs/beside.h': '#error no\nenum { BESIDE = 1 };\n' });
    const { failed } = await compileAll(kernel, request(overlay), { jobs: 2 });
    expect(failed.map(({ unit, side }) => `${side} ${unit.source}`)).toEqual([
      'after fs/one.c',
      'after fs/two.c',
      'after kernel/three.c',
    ]);
    expect(failed[0]?.finding.what).toBe(
      'fs/one.c does not compile with the fix: fs/beside.h:1:2: error: #error no',
    );
    expect(failed[0]?.finding.why).toContain('In file included from fs/one.c:2');
    const alone = view({ 'fs/two.c': numbered });
    const implicit = finding(
      await compileUnit(kernel, { unit: unitOf('fs/two.c'), side: 'after', overlay: alone }),
    );
    expect(implicit.what).toMatch(
      /^fs\/two.c does not compile with the fix: fs\/two.c:5:\d+: error: implicit declaration of function .missing/,
    );
    expect(implicit.at).toEqual({ unit: 'fs/two.c', line: 5 });
    expect(JSON.stringify(failed.map((each) => each.finding))).not.toContain(folder);
  });

  test('stops when told', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(compileAll(kernel, request(view({})), { jobs: 2, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
  });
});

describe('the cache', () => {
  const unit = () => unitOf('fs/two.c');

  test('a second compilation of the same comes from it', async () => {
    const first = compiled(await compileUnit(kernel, { unit: unit(), side: 'before' }));
    const second = compiled(await compileUnit(kernel, { unit: unit(), side: 'before' }));
    expect([first.cached, second.cached]).toEqual([false, true]);
    expect(second.bytes).toEqual(first.bytes);
    expect(second.dependencies).toEqual(['fs/beside.h', 'fs/two.c']);
  });

  test('another side, other flags, another fix do not', async () => {
    const changes = ['enum { BESIDE = 5 };\n', 'enum { BESIDE = 6 };\n'];
    for (const text of changes) {
      const overlay = view({ 'fs/beside.h': text });
      expect(compiled(await compileUnit(kernel, { unit: unit(), side: 'after', overlay })).cached).toBe(
        false,
      );
      const again = view({ 'fs/beside.h': text });
      expect(
        compiled(await compileUnit(kernel, { unit: unit(), side: 'after', overlay: again })).cached,
      ).toBe(true);
    }
    expect(compiled(await compileUnit(kernel, { unit: unit(), side: 'exact' })).cached).toBe(false);
    const other = { ...unit(), argv: [...unit().argv, '-DX'] };
    await compileUnit(kernel, { unit: unit(), side: 'before' });
    expect(compiled(await compileUnit(kernel, { unit: other, side: 'before' })).cached).toBe(false);
  });

  test('a tree whose files may change is looked at; a distribution source is what its version says', async () => {
    const header = join(kernel.sourceDir, 'fs/beside.h');
    const compile = async () => compiled(await compileUnit(kernel, { unit: unit(), side: 'before' }));
    await compile();
    writeFileSync(header, 'enum { BESIDE = 77 };\n');
    const anew = await compile();
    expect([anew.cached, returned(anew.bytes, 'two')]).toEqual([false, 77]);
    expect((await compile()).cached).toBe(true);
    kernel = { ...kernel, sourceVersion: '6.12-1' };
    await compile();
    writeFileSync(header, 'enum { BESIDE = 78 };\n');
    expect((await compile()).cached).toBe(true);
  });

  test('a generated header of a tree counts', async () => {
    const generated = join(kernel.buildDir, 'include/generated/x.h');
    put(kernel.buildDir, 'include/generated/x.h', '#define X 1\n');
    const own = { ...unit(), argv: [...unit().argv, '-include', './include/generated/x.h'] };
    expect(compiled(await compileUnit(kernel, { unit: own, side: 'before' })).cached).toBe(false);
    expect(compiled(await compileUnit(kernel, { unit: own, side: 'before' })).cached).toBe(true);
    writeFileSync(generated, '#define X 2\n');
    expect(compiled(await compileUnit(kernel, { unit: own, side: 'before' })).cached).toBe(false);
  });

  test('a damaged object is made anew', async () => {
    kernel = { ...kernel, id: 'damaged', sourceVersion: '1' };
    await compileUnit(kernel, { unit: unit(), side: 'before' });
    const objects = join(folder, 'cache/klpkit/objects');
    for (const path of readdirSync(objects, { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('.o')) writeFileSync(join(objects, path), 'x');
    const anew = compiled(await compileUnit(kernel, { unit: unit(), side: 'before' }));
    expect(anew.cached).toBe(false);
    expect(returned(anew.bytes, 'two')).toBe(1);
  });
});

test('a kernel that was built in its source tree is compiled from the view by relative paths', async () => {
  kernel = { ...kernel, buildDir: kernel.sourceDir };
  const unit = { ...unitOf('fs/one.c'), argv: ['gcc-12', '-O2', '-I./include'] };
  const overlay = view({ 'include/linux/value.h': 'enum { VALUE = 50 };\n' });
  const { bytes } = compiled(await compileUnit(kernel, { unit, side: 'after', overlay }));
  expect(returned(bytes, 'one')).toBe(51);
});

test('types come from debug information where the compiler writes no BTF, and neither stays in the object', async () => {
  put(
    kernel.sourceDir,
    'lib/six.c',
    'struct it { char a; long b; };\nlong six(struct it *p) { return p->b; }\n',
  );
  const unit = { ...unitOf('lib/five.c'), source: 'lib/six.c', object: 'lib/six.o' };
  const typesWith = async (version: string, debug: boolean) => {
    kernel = { ...kernel, compilerVersion: version };
    const object = compiled(await compileUnit(kernel, { unit, side: 'before', debug }));
    const names = readElf(object.bytes).sections.map(({ name }) => name);
    expect(names.filter((name) => /debug|BTF/.test(name))).toEqual([]);
    expect(object.debug !== undefined).toBe(debug);
    return readBtf(object.types);
  };
  for (const version of [compilerVersion, 'gcc-11 (Debian) 11.3.0'])
    for (const debug of [false, true]) {
      const types = await typesWith(version, debug);
      expect(types.findStruct('it')?.sizeBytes).toBe(16);
    }
});

test('arguments: debug information off or on, sections for all but exact, paths moved', () => {
  const argv = ['gcc', '-g', '-gdwarf-5', '-Werror', '-I/src/a/../b', '-I/src-build/c', '-DX=/src/y', '/src'];
  const of = (side: 'before' | 'after' | 'exact', debug = false, version = 'gcc-11 (Debian) 11.3.0') =>
    argumentsFor(
      { source: 'x.c', object: 'x.o', owner: 'vmlinux', argv },
      { side, debug },
      '/src',
      '/view',
      version,
    );
  expect(of('after')).toEqual([
    'gcc',
    // As Kbuild spells it: `__FILE__` of a header has it.
    '-I/view/a/../b',
    '-I/src-build/c',
    '-DX=/view/y',
    '/view',
    // Types without BTF.
    '-g',
    '-gz=none',
    '-ffunction-sections',
    '-fdata-sections',
  ]);
  expect(of('exact').slice(-3)).toEqual(['-g', '-gz=none', '-w']);
  expect(of('exact', false, 'gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0').slice(-2)).toEqual(['-gbtf', '-w']);
  expect(of('before', true)).toContain('-g');
  // Types and lines of one compilation.
  expect(of('before', true, 'gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0')).toEqual(
    expect.arrayContaining(['-g', '-gbtf']),
  );
});

describe('assertCompiler', () => {
  test('takes the compiler of the kernel by whatever name', async () => {
    await assertCompiler(kernel);
    await assertCompiler({
      ...kernel,
      compilerVersion: compilerVersion.replace(/^\S+/, 'x86_64-linux-gnu-gcc-12'),
    });
  });

  test('refuses another version, and names the package', async () => {
    const other = 'gcc-12 (Debian 12.2.0-13) 12.2.0';
    const error = await assertCompiler({ ...kernel, compilerVersion: other }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).findings).toMatchObject([{ id: 'KLP141', severity: 'error' }]);
    expect((error as Refusal).findings[0]?.next).toContain('gcc-12=12.2.0-13');
  });

  test('tells a compiler that is not there', async () => {
    const error = await assertCompiler({ ...kernel, compiler: 'x86_64-linux-gnu-gcc-3' }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(MissingTool);
    expect((error as MissingTool).remedy).toContain('install -y gcc-3');
  });
});
