// The door of `npm run demo` and `npm test`: makes a fresh clone ready, then hands over to the Node of the lock file.
// Runs on Node 20 without any package, so it is plain JavaScript.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const exitEnvironment = 3;

/** Programs that the main job needs, each with a file that shows it is there and the Debian package that brings it. */
const needed = [
  ['gcc-12', ['/usr/bin/x86_64-linux-gnu-gcc-12'], 'the compiler of Debian 12 kernels'],
  ['libc6-dev', ['/usr/lib/x86_64-linux-gnu/libc.a'], 'for the static init of the proof machine'],
  ['make', ['/usr/bin/make'], 'Kbuild, which tells the compiler flags'],
  ['binutils', ['/usr/bin/x86_64-linux-gnu-ld'], 'the linker'],
  ['xz-utils', ['/usr/bin/xz'], 'unpacks the source package'],
  ['qemu-system-x86', ['/usr/bin/qemu-system-x86_64'], 'the proof machine'],
  ['busybox-static', ['/bin/busybox', '/usr/bin/busybox'], 'the shell of the proof machine'],
];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** Runs a set-up program with its output on our standard error; ends the process when it fails. */
function setUp(what, command, args, options = {}) {
  const start = Date.now();
  say(`set-up: ${what}`);
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (done.error || done.status !== 0) {
    say(
      `set-up failed: ${command} ${args.join(' ')}${done.error ? `: ${done.error.message}` : ` ended with ${done.status}`}`,
    );
    process.exit(exitEnvironment);
  }
  say(`set-up: ${what}: ${seconds(start)}`);
}

function installNpmPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const want = createHash('sha256').update(lock).digest('hex');
  const stamp = join(root, 'node_modules', '.klpkit-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  setUp('npm packages and a newer Node from the lock file', 'npm', [
    'ci',
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
  ]);
  writeFileSync(stamp, want);
}

function installDebianPackages() {
  const missing = needed.filter(([, files]) => !files.some((file) => existsSync(file)));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  for (const [name, , why] of missing) say(`missing: ${name}, ${why}`);
  if (!existsSync('/usr/bin/apt-get')) {
    say(
      `klpkit sets itself up on Debian 12; elsewhere install what these Debian packages hold: ${names.join(' ')}`,
    );
    process.exit(exitEnvironment);
  }
  if (process.getuid?.() !== 0) {
    say(`sudo apt-get install -y --no-install-recommends ${names.join(' ')}`);
    process.exit(exitEnvironment);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  setUp('package lists', 'apt-get', ['update', '-qq'], { env });
  setUp(names.join(' '), 'apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env });
}

/** The Node of the lock file, by its path: npm puts it there under the name `node`. */
function pinnedNode() {
  const node = join(root, 'node_modules', '.bin', 'node');
  const found = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (found.status === 0) return node;
  say(
    'the Node of the lock file is missing, although npm packages are installed; was npm told to ignore install scripts?',
  );
  say('npm ci --ignore-scripts=false');
  process.exit(exitEnvironment);
}

/** Runs the steps one after another and ends with the first failure's exit code. */
async function steps(node, list) {
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
  };
  for (const [name, args] of list) {
    if (list.length > 1) say(`\n— ${name}`);
    const child = spawn(node, args, { cwd: root, stdio: 'inherit', env });
    // Ctrl-C reaches the child by itself; this process only waits for its end.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    const code = await new Promise((resolve) => {
      child.on('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 1)));
    });
    process.off('SIGINT', ignore);
    if (code !== 0) process.exit(code);
  }
}

const [what, ...rest] = process.argv.slice(2);
installNpmPackages();
installDebianPackages();
const node = pinnedNode();
const bin = (name) => join(root, 'node_modules', name);
switch (what) {
  case 'demo':
    await steps(node, [['demo', [join(root, 'packages/cli/src/bin.ts'), 'demo', ...rest]]]);
    break;
  case 'test':
    await steps(node, [
      ['format and lint', [bin('@biomejs/biome/bin/biome'), 'ci', '.']],
      ['types', [bin('typescript/bin/tsc'), '--noEmit']],
      [
        'types of the rooms that run in a browser',
        [bin('typescript/bin/tsc'), '-p', 'tsconfig.pure.json', '--noEmit'],
      ],
      ['unused files, exports and packages', [bin('knip/bin/knip.js')]],
      ['tests', [bin('vitest/vitest.mjs'), 'run', ...rest]],
    ]);
    break;
  default:
    say('usage: node scripts/run.mjs demo|test');
    process.exit(2);
}
