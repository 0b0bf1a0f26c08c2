// The door of `npm run demo` and `npm test`: makes a fresh clone ready, then hands over to the Node of the lock file.
// Runs on Node 20 without any package, so it is plain JavaScript.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where the system's files are looked for; a test puts a folder here. */
const systemRoot = process.env.KLPKIT_SYSTEM_ROOT ?? '/';
const exitEnvironment = 3;
const exitInterrupted = 130;

/** Programs that the main job needs, each with files of which one shows that it is there, and the Debian package that brings it. */
const needed = [
  ['gcc-12', ['/usr/bin/x86_64-linux-gnu-gcc-12'], 'the compiler of Debian 12 kernels, with the linker'],
  [
    'libc6-dev',
    ['/usr/lib/x86_64-linux-gnu/libc.a'],
    "Kbuild's small programs and the init of the proof machine",
  ],
  ['libelf1', ['/usr/lib/x86_64-linux-gnu/libelf.so.1'], "the kernel's objtool"],
  ['make', ['/usr/bin/make'], 'Kbuild, which tells the compiler flags'],
  ['xz-utils', ['/usr/bin/xz'], 'unpacks the source package'],
  ['qemu-system-x86', ['/usr/bin/qemu-system-x86_64'], 'the proof machine'],
  ['busybox-static', ['/bin/busybox', '/usr/bin/busybox'], 'the shell of the proof machine'],
];

/** What the tests need besides: they hold klpkit's patching against that of others. */
const neededForTests = [
  ['patch', ['/usr/bin/patch'], 'the tests compare with it'],
  ['gcc-12-aarch64-linux-gnu', ['/usr/bin/aarch64-linux-gnu-gcc-12'], 'objects for arm64 to compare'],
  [
    'gcc-12-powerpc64le-linux-gnu',
    ['/usr/bin/powerpc64le-linux-gnu-gcc-12'],
    'objects for ppc64le to compare',
  ],
  ['gcc-12-s390x-linux-gnu', ['/usr/bin/s390x-linux-gnu-gcc-12'], 'objects for s390x to compare'],
  ['gcc-11', ['/usr/bin/x86_64-linux-gnu-gcc-11'], 'objects of an older gcc to compare'],
  ['clang-14', ['/usr/bin/clang-14'], 'objects of an older clang to compare'],
  ['clang-16', ['/usr/bin/clang-16'], 'the cases of the pitfalls are compiled with it as well'],
  ['llvm-14', ['/usr/bin/llvm-lto-14'], 'the case of ThinLTO names'],
  ['chromium', ['/usr/bin/chromium'], 'the handbook and its workbench are tried in it'],
  ['python3-sphinx', ['/usr/bin/sphinx-build'], "the handbook in the kernel's own form is built by it"],
  ['redis-server', ['/usr/bin/redis-server'], 'the queue of a matrix'],
  ['openssl', ['/usr/bin/openssl'], 'signs modules, and makes the keys of the tests'],
  ['clang-19', ['/usr/bin/clang-19'], 'objects of a newer clang to compare, with kCFI'],
];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

const children = new Set();

/** Runs a set-up program; its output is shown when it fails, and a line each ten seconds while it lasts. */
async function setUp(what, command, args, env = process.env) {
  const start = Date.now();
  say(`set-up: ${what}`);
  const output = [];
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  const heartbeat = setInterval(() => say(`set-up: ${what}: ${seconds(start)} so far`), 10_000);
  const how = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${code ?? signal}`));
  });
  children.delete(child);
  clearInterval(heartbeat);
  if (how !== '') {
    say(Buffer.concat(output).toString().trimEnd());
    say(`set-up failed: ${command} ${args.join(' ')}: ${how}`);
    for (const other of children) other.kill();
    process.exit(exitEnvironment);
  }
  say(`set-up: ${what}: done, ${seconds(start)}`);
}

async function installNpmPackages() {
  const want = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.klpkit-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return false;
  await setUp('npm packages, a newer Node among them', 'npm', [
    'ci',
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
  ]);
  writeFileSync(stamp, want);
  return true;
}

/** Debian packages that are missing; ends the process where they cannot be installed from here. */
function missingDebianPackages(wanted) {
  const missing = wanted.filter(([, files]) => !files.some((file) => existsSync(join(systemRoot, file))));
  if (missing.length === 0) return [];
  const names = missing.map(([name]) => name);
  for (const [name, , why] of missing) say(`missing: ${name} (${why})`);
  if (!existsSync(join(systemRoot, '/usr/bin/apt-get'))) {
    say(
      `klpkit sets itself up on Debian 12; elsewhere install what these Debian packages hold: ${names.join(' ')}`,
    );
    process.exit(exitEnvironment);
  }
  if (process.getuid() !== 0) {
    say(`sudo apt-get install -y --no-install-recommends ${names.join(' ')}`);
    process.exit(exitEnvironment);
  }
  return names;
}

async function installDebianPackages(names) {
  if (names.length === 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await setUp('package lists', 'apt-get', ['update', '-q'], env);
  await setUp(names.join(' '), 'apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], env);
  return true;
}

/** The Node of the lock file, by its path: npm puts it there under the name `node`. */
function pinnedNode() {
  const node = join(root, 'node_modules', '.bin', 'node');
  const found = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (found.status === 0) return node;
  say(
    'the Node of the lock file is missing although npm packages are installed: were install scripts turned off?',
  );
  say('npm ci --ignore-scripts=false');
  process.exit(exitEnvironment);
}

/** Runs the steps one after another; ends with the exit code of the first that fails. */
async function steps(node, list) {
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
  };
  for (const [name, args] of list) {
    if (list.length > 1) say(`\n— ${name}`);
    const child = spawn(node, args, { cwd: root, stdio: 'inherit', env });
    // A terminal sends Ctrl-C to the child as well; what is sent to this process alone is handed on.
    const handOn = (signal) => child.kill(signal);
    process.on('SIGINT', handOn).on('SIGTERM', handOn);
    const code = await new Promise((resolve) => {
      child.on('error', (error) => {
        say(`${name}: ${error.message}`);
        resolve(exitEnvironment);
      });
      child.on('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? exitInterrupted : 1)));
    });
    process.off('SIGINT', handOn).off('SIGTERM', handOn);
    if (code !== 0) process.exit(code);
  }
}

const [what, ...rest] = process.argv.slice(2);
if (what !== 'demo' && what !== 'test') {
  say('usage: npm run demo, or npm test');
  process.exit(2);
}
const missing = missingDebianPackages(what === 'test' ? [...needed, ...neededForTests] : needed);
// Both wait for the network most of the time.
const hasSetUp = await Promise.all([installNpmPackages(), installDebianPackages(missing)]);
if (what === 'demo' && hasSetUp.includes(true)) say('');
const node = pinnedNode();
const bin = (name) => join(root, 'node_modules', name);
if (what === 'demo')
  await steps(node, [['demo', [join(root, 'packages/cli/src/klpkit.js'), 'demo', ...rest]]]);
else
  await steps(node, [
    ['format and lint', [bin('@biomejs/biome/bin/biome'), 'ci', '.']],
    ['types', [bin('typescript/bin/tsc'), '--noEmit']],
    [
      'types of the rooms that run in a browser',
      [bin('typescript/bin/tsc'), '-p', 'tsconfig.pure.json', '--noEmit'],
    ],
    ['unused files, exports and packages', [bin('knip/bin/knip.js'), '--no-config-hints']],
    ['tests', [bin('vitest/vitest.mjs'), 'run', ...rest]],
  ]);
