import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestJsonSchema, reportJsonSchema } from '@klpkit/author';
import { matrixSchema, releaseSchema } from '@klpkit/fleet';
import { scenarioSchema } from '@klpkit/prove';
import { type Application, type CommandContext, generateHelpTextForAllCommands } from '@stricli/core';
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app } from './app.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

const bin = fileURLToPath(new URL('klpkit.js', import.meta.url));
const schemaFolder = fileURLToPath(new URL('../schemas/', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-cli-test-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The command as a process, with an empty cache. */
function spawned(argv: readonly string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [bin, ...argv], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), ...env },
  });
}

function compiled(name: string, source: string, compiler = 'gcc-12', flags: readonly string[] = []): string {
  const path = join(folder, `${name}.o`);
  execFileSync(
    compiler,
    [
      '-O2',
      '-ffunction-sections',
      '-fdata-sections',
      ...flags,
      ...(compiler === 'gcc-12' ? ['-mcmodel=kernel'] : []),
      '-fno-pie',
      '-c',
      '-x',
      'c',
      '-o',
      path,
      '-',
    ],
    { input: source },
  );
  return path;
}

describe('help', () => {
  const pages = generateHelpTextForAllCommands(app as unknown as Application<CommandContext>);

  it('has an example of each command that names the command', () => {
    const commands = pages.map(([command]) => command);
    expect(commands).toEqual([
      'klpkit doctor',
      'klpkit kernel add',
      'klpkit kernel list',
      'klpkit kernel show',
      'klpkit kernel remove',
      'klpkit assess',
      'klpkit build',
      'klpkit source',
      'klpkit check',
      'klpkit convert',
      'klpkit show',
      'klpkit upgrade',
      'klpkit prove',
      'klpkit selftest',
      'klpkit compare',
      'klpkit who inlines',
      'klpkit new',
      'klpkit status',
      'klpkit load',
      'klpkit disable',
      'klpkit unload',
      'klpkit matrix run',
      'klpkit matrix report',
      'klpkit worker',
      'klpkit sign',
      'klpkit explain',
      'klpkit handbook',
      'klpkit demo',
    ]);
    for (const [command, text] of pages) expect(text).toMatch(new RegExp(`EXAMPLES?\\n {2}${command}`));
  });

  it('keeps its prose within 120 columns', () => {
    for (const [, text] of pages)
      for (const line of text.split('\n').filter((each) => !each.startsWith('  ')))
        expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it('is given for the program with code 0', async () => {
    const { code, stdout, stderr } = await klpkit('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('klpkit kernel add debian:6.12');
  });
});

describe('wrong usage ends with code 2 and says what to do', () => {
  it.each([
    [['nonsense'], 'No command registered for `nonsense`', 'klpkit --help'],
    [['kernel', 'ad'], 'No command registered for `ad`, did you mean `add`?', 'klpkit kernel --help'],
    [['build', '--no-such'], 'No flag registered for --no-such', 'klpkit build --help'],
    [['build', '--jobs', '0', 'x.patch'], '0 is no number above 0', 'klpkit build --help'],
    [['build'], 'which fix?', 'klpkit build fix.patch'],
    [['assess'], 'which fix?', 'klpkit assess fix.patch'],
    [['check', '/nowhere/x.ko'], '/nowhere/x.ko: there is no such file', ''],
    [['explain'], 'which finding?', 'klpkit explain --list'],
    [['build', '/nowhere/x.patch'], '/nowhere/x.patch: there is no such file', ''],
    [['build', '/'], '/: there is no klpkit.json in this folder', ''],
    [['build', 'x.patch', '--override', 'KLP1'], 'gives no reason', "--override KLP1='why"],
    [['build', 'x.patch', '--name', 'a/b'], 'cannot be the name of a livepatch', '--name'],
    [['build', 'x.patch', '--module', 'm.ko'], '--module goes with a folder of C', ''],
    [['load', 'x.ko', '--time-limit', '0'], '0 is no number of seconds', 'klpkit load --help'],
    [['load', 'x.ko', '--override', 'KLP201'], 'gives no reason', "--override KLP201='why"],
    [['status', '--root'], 'Expected input for flag --root', ''],
    [['unload', '../x'], 'is no name of a module', 'klpkit status'],
    [['disable', 'a b'], 'is no name of a module', 'klpkit status'],
    [['prove'], 'which livepatch?', 'klpkit prove livepatch-fix.ko'],
    [['prove', 'x.ko', '--expect-after', 'y'], '1 expectations of a kind, but 0 checks', '--check'],
    [['prove', 'x.ko', '--check', 'a', '--expect-after', '/(/'], 'is no regular expression', ''],
    [['prove', '/nowhere/x.ko'], '/nowhere/x.ko: there is no such file', ''],
    [
      ['prove', 'x.ko', '--scenario', 'load-cycle'],
      'there is no scenario load-cycle',
      'klpkit brings load-cycles, ',
    ],
    [['prove', 'x.ko', 'y.ko', '--scenario', 'load-cycles'], '2 modules are given', 'its modules are patch'],
    [['prove', '--scenario', 'load-cycles', '--set', 'cycles'], '--set cycles: NAME=VALUE is wanted', ''],
    [['prove', 'x.ko', '--set', 'a=b'], '--set is for --scenario', ''],
    [['prove', '--scenario', 'load-cycles', '--check', 'a'], '--check and --scenario exclude', ''],
    [['sign', 'x.ko', '--cert', 'c.pem'], 'there is no key to sign with', '--key'],
    [['sign', 'x.ko', '--cert', 'c.pem', '--verify', '--key', 'k'], '--verify writes nothing', '--out'],
    [['kernel', 'add'], 'which kernel?', 'klpkit kernel add debian:6.12'],
    [['kernel', 'add', 'debian:6.12', '--build-tree', '/x'], 'too much at once', ''],
    [['kernel', 'add', 'fedora:41'], 'names no kernel that klpkit can fetch', 'debian:6.12'],
    [['compare', '/nowhere/a.o', '/nowhere/b.o'], '/nowhere/a.o: there is no such file', ''],
  ])('%j', async (argv, what, next) => {
    const { code, stdout, stderr } = await klpkit(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(what);
    if (next) expect(stderr).toContain(next);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('names the file that is no object, and where it is wrong', async () => {
    const path = join(folder, 'garbage.o');
    writeFileSync(path, 'this is no object file, but long enough for a header of sixty-four bytes');
    const { code, stderr } = await klpkit('compare', path, path);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path}: elf: `);
  });

  it('names the kernels that there are, none here', () => {
    const path = join(folder, 'fix.patch');
    writeFileSync(path, '');
    const none = spawned(['build', path]);
    expect(none.status).toBe(2);
    expect(none.stderr).toContain('there is no kernel to work on yet\n  next: klpkit kernel add debian:6.12');
    const unknown = spawned(['kernel', 'remove', 'debian:6.12']);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('no kernel debian:6.12 in the cache');
  });
});

describe('the machine', () => {
  it('that lacks programs ends with code 3 and the one command', () => {
    const { status, stdout } = spawned(['doctor'], { PATH: folder });
    expect(status).toBe(3);
    expect(stdout).toMatch(/^missing make .*needed for klpkit kernel add, build/m);
    expect(stdout).toMatch(/^missing openssl .*needed for klpkit sign$/m);
    expect(stdout).toMatch(/^to mend it: (sudo )?apt-get install -y .*make.*qemu-system-x86/m);
  });

  it('that lacks nothing ends with code 0', () => {
    const { status, stdout } = spawned(['doctor', '--json']);
    const answer = v.parse(schemas.doctor, JSON.parse(stdout));
    expect(answer.outcome).toBe('ready');
    expect(status).toBe(0);
  });
});

describe('show', () => {
  it('explains an object, as text and as a document', async () => {
    const object = compiled(
      'shown',
      'static int hidden(int x) { return x; } int (*f)(int) = hidden; int open_(void);',
    );
    const { code, stdout } = await klpkit('show', object);
    expect(code).toBe(0);
    expect(stdout).toContain('shown.o: an object for x86-64');
    expect(stdout).toMatch(/hidden: \d+ bytes, static/);
    const json = await klpkit('show', object, '--json', '--disassemble', 'hidden');
    expect(v.parse(schemas.show, JSON.parse(json.stdout))).toMatchObject({
      kind: 'object',
      functions: [{ name: 'hidden', isGlobal: false }],
      disassembly: { name: 'hidden' },
    });
    const none = await klpkit('show', object, '-d', 'hiden');
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('was hidden meant?');
  });

  it('says in one line that a file is nothing of the kind', async () => {
    const { code, stderr } = await klpkit('show', bin);
    expect(code).toBe(2);
    expect(stderr).toContain('next: give a livepatch or another module');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('compare', () => {
  const source = (body: string) => `int keep(int x) { return x * 3; }\nint edit(int x) { return ${body}; }\n`;

  it('shows what changed', async () => {
    const before = compiled('before', source('x + 1'));
    const after = compiled('after', `${source('x - 7')}int fresh(int x) { return x ^ 5; }\n`);
    const text = await klpkit('compare', before, after);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^changed {2}edit, \d+ bytes$/m);
    expect(text.stdout).toMatch(/^new {6}fresh, \d+ bytes$/m);
    expect(text.stdout).toContain('1 function is the same');

    const json = await klpkit('compare', '--json', before, after);
    const answer = v.parse(schemas.compare, JSON.parse(json.stdout));
    expect(answer).toMatchObject({
      outcome: 'different',
      unchanged: 1,
      functions: [
        { name: 'edit', status: 'changed' },
        { name: 'fresh', status: 'new' },
      ],
    });
  });

  it('says that nothing changed', async () => {
    const before = compiled('same', source('x + 1'));
    const { code, stdout } = await klpkit('compare', '--json', before, before);
    expect(code).toBe(4);
    expect(v.parse(schemas.compare, JSON.parse(stdout))).toMatchObject({ outcome: 'same', functions: [] });
  });

  it('compares objects for another machine, and refuses two machines in one line', async () => {
    const arm = (name: string, text: string) => compiled(name, text, 'aarch64-linux-gnu-gcc-12');
    const before = arm('arm-before', source('x + 1'));
    const text = await klpkit('compare', before, arm('arm-after', source('x - 7')));
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^changed {2}edit, 8 bytes$/m);
    const mixed = await klpkit('compare', compiled('x86', source('x + 1')), before);
    expect(mixed.code).toBe(1);
    expect(mixed.stderr).toContain(
      'the object before is for x86-64 (ELF machine 62), the one after for arm64 (ELF machine 183)',
    );
  });

  it('ends with code 1 for what a livepatch cannot carry', async () => {
    const data = (value: number) => `int limit = ${value};\nint get(void) { return limit; }\n`;
    const before = compiled('data-before', data(4));
    const after = compiled('data-after', data(5));
    const { code, stdout } = await klpkit('compare', before, after);
    expect(stdout).toContain('changed  limit (data)');
    expect(stdout).toMatch(/^error KLP\d+: .*limit/m);
    expect(code).toBe(1);
  });

  it('compares types by debug information, and says when there is none', async () => {
    const it = (members: string) => `struct it { ${members} };\nlong get(struct it *p) { return p->last; }\n`;
    const debug = (name: string, members: string) => compiled(name, it(members), 'gcc-12', ['-g']);
    const before = debug('types-before', 'char a; long last;');
    const { code, stdout } = await klpkit('compare', before, debug('types-after', 'char a, b; long last;'));
    expect(stdout).toContain('1 function is the same');
    expect(stdout).toMatch(/^error KLP502: .*struct it changes its layout: b is added at offset 1/m);
    expect(code).toBe(1);
    const same = await klpkit('compare', before, before);
    expect(same.stdout).not.toContain('types-not-compared');
    expect(same.code).toBe(4);
    const plain = await klpkit('compare', before, compiled('types-none', it('char a, b; long last;')));
    expect(plain.stdout).toContain(
      'note types-not-compared: changed structures, enumerations and prototypes are not looked',
    );
    expect(plain.code).toBe(4);
    const packed = compiled('types-packed', it('char a, b; long last;'), 'gcc-12', ['-g', '-gz=zlib']);
    const compressed = await klpkit('compare', before, packed);
    expect(compressed.stdout).toMatch(/types-not-compared: .*\(\.debug_info\) is compressed/);
  });

  it('tells prototypes of global functions that change, the exported ones as such (KLP505)', async () => {
    const source = (type: string) => `
      int plain(${type} n) { return 1; } static __attribute__((noinline)) int own(${type} n) { return 2; }
      int shared(${type} n) { return own(n); }
      asm(".section .export_symbol,\\"a\\"\\n__export_symbol_shared: .asciz \\"GPL\\"\\n.asciz \\"\\"\\n.balign 8\\n.quad shared\\n.previous");`;
    const debug = (name: string, type: string) => compiled(name, source(type), 'gcc-12', ['-g']);
    const before = debug('proto-before', 'int');
    const { code, stdout } = await klpkit('compare', before, debug('proto-after', 'long'));
    expect(stdout).toMatch(
      /^error KLP505: .*shared, which is exported, changes its signature: int \(int\) before/m,
    );
    expect(stdout).toMatch(/^warning signature-changed: plain: plain changes its signature/m);
    expect(stdout).not.toContain('own changes its signature');
    expect(code).toBe(1);
    const same = await klpkit('compare', before, debug('proto-same', 'int'));
    expect([same.code, same.stdout]).toEqual([4, expect.not.stringContaining('signature')]);
  });
});

describe('scenarios', () => {
  it('that klpkit brings are listed, with their modules and parameters', async () => {
    const { code, stdout } = await klpkit('prove', '--list-scenarios', '--json');
    expect(code).toBe(0);
    const json = v.parse(schemas.prove, JSON.parse(stdout));
    if (json.outcome !== 'listed') throw new Error(json.outcome);
    const chain = json.scenarios.find(({ name }) => name === 'upgrade-chain');
    expect(chain).toMatchObject({
      modules: ['old', 'new', 'newer'],
      parameters: [{ name: 'check', default: 'true' }],
    });
    expect((await klpkit('prove', '--list-scenarios')).stdout).toContain(
      'prove old.ko new.ko newer.ko --scenario',
    );
  });

  it('with mistakes are refused with each of them, by line and column', async () => {
    const file = join(folder, 'own.yaml');
    writeFileSync(file, 'name: own\nsteps:\n  - load: patch\n  - { sleep: 1, wait: true }\n');
    const { code, stdout } = await klpkit('prove', '--scenario', file, '--json');
    expect(code).toBe(1);
    expect(v.parse(schemas.prove, JSON.parse(stdout))).toMatchObject({
      outcome: 'refused',
      findings: [{ at: { file, line: 3, column: 11 } }, { at: { file, line: 4, column: 17 } }],
    });
    const { stderr } = await klpkit('prove', '--scenario', file);
    expect(stderr).toContain(`${file}:4:17: sleep takes no "wait"`);
  });
});

describe('--json', () => {
  it('gives failures as documents that their schema accepts', async () => {
    const { code, stdout, stderr } = await klpkit('build', '--json');
    expect(code).toBe(2);
    expect(v.parse(schemas.build, JSON.parse(stdout))).toMatchObject({
      outcome: 'failed',
      error: { kind: 'usage', next: 'klpkit build fix.patch --kernel debian:6.12' },
    });
    expect(stderr).toContain('which fix?');
  });

  it('who inlines: one unit or all, not both', () => {
    const argv = ['who', 'inlines', 'f', '--unit', 'a.c', '--all-units', '--json'];
    const { status, stdout } = spawned(argv);
    expect(status).toBe(2);
    expect(v.parse(schemas['who-inlines'], JSON.parse(stdout))).toMatchObject({
      command: 'who inlines',
      outcome: 'failed',
      error: { kind: 'usage', message: '--unit and --all-units exclude each other' },
    });
    const one = spawned(argv.filter((word) => word !== '--all-units'));
    expect(one.stdout).toContain('there is no kernel to work on yet');
  });

  it('lists no kernel in an empty cache', () => {
    const { status, stdout } = spawned(['kernel', 'list', '--json']);
    expect(status).toBe(0);
    expect(v.parse(schemas['kernel-list'], JSON.parse(stdout))).toEqual({
      command: 'kernel list',
      outcome: 'listed',
      kernels: [],
    });
  });

  it.each(Object.entries(schemas))('%s has its schema published', async (name, schema) => {
    const json = toJsonSchema(schema, { typeMode: 'input' });
    await expect(`${JSON.stringify(json, undefined, 2)}\n`).toMatchFileSnapshot(
      join(schemaFolder, `${name}.schema.json`),
    );
  });

  it.each([
    ['report', reportJsonSchema],
    ['manifest', manifestJsonSchema],
    ['scenario', scenarioSchema],
    ['matrix-file', matrixSchema],
    ['release', releaseSchema],
  ])('publishes the schema of the %s', async (name, schema) => {
    await expect(`${JSON.stringify(schema(), undefined, 2)}\n`).toMatchFileSnapshot(
      join(schemaFolder, `${name}.schema.json`),
    );
  });

  it('publishes no schema of nothing', () => {
    const names = [...Object.keys(schemas), 'manifest', 'matrix-file', 'release', 'report', 'scenario']
      .map((name) => `${name}.schema.json`)
      .sort();
    expect(readdirSync(schemaFolder).sort()).toEqual(names);
  });
});
