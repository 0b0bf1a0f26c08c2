import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  aptInstall,
  CommandFailed,
  CommandNotFound,
  cacheRoot,
  contentKey,
  debianPackageOf,
  freeBytes,
  makeFolderAtomic,
  mapParallel,
  run,
  runPipe,
  sha256File,
  sha256Hex,
  withLock,
  writeFileAtomic,
} from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'klpkit-host-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(status(pid));
const status = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State: Z';
  }
};

describe('run', () => {
  it('gives back what a program writes, as text and as bytes', async () => {
    const { stdout, bytes, stderr, code } = await run(['sh', '-c', 'cat; echo no >&2'], { input: 'é' });
    expect({ stdout, stderr, code }).toEqual({ stdout: 'é', stderr: 'no\n', code: 0 });
    expect([...bytes]).toEqual([0xc3, 0xa9]);
  });

  it('passes arguments as they are, not through a shell', async () => {
    expect((await run(['printf', '%s', '$HOME; a b'])).stdout).toBe('$HOME; a b');
  });

  it('throws for a bad end with the end of the error output, unless told not to', async () => {
    const failing = ['sh', '-c', 'echo broken >&2; exit 3'];
    const error = await run(failing).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandFailed);
    expect(error).toMatchObject({ code: 3, message: 'sh ended with code 3:\nbroken' });
    expect(await run(failing, { check: false })).toMatchObject({ code: 3, stderr: 'broken\n' });
  });

  it('takes a lack of room or memory for no answer, even where a bad end is one', async () => {
    const compile = (source: string, place: string) =>
      run(['gcc-12', '-S', '-x', 'c', '-', '-o', place], { input: source, check: false });
    const long = Array.from({ length: 2000 }, (_, index) => `int f${index}(int x) { return x * ${index}; }`);
    await expect(compile(long.join('\n'), '/dev/full')).rejects.toMatchObject({
      name: 'MachineLacks',
      code: 'ENOSPC',
      message: 'gcc-12 had no room on the disk',
    });
    // What a compiler quotes is the source's word.
    const source = join(folder, 'quoted.c');
    writeFileSync(source, 'int f(void) { return x; } // y: No space left on device');
    const { code, stderr } = await run(['gcc-12', '-S', source, '-o', '/dev/null'], { check: false });
    expect(code).toBe(1);
    expect(stderr).toMatch(/y: No space left on device$/m);
    const says = (words: string) => run(['sh', '-c', `echo '${words}' >&2; exit 1`], { check: false });
    for (const words of [
      'cc1: out of memory allocating 65536 bytes after a total of 0 bytes',
      'gcc-12: fatal error: Killed signal terminated program cc1',
      'ld: final link failed: Cannot allocate memory',
    ])
      await expect(says(words)).rejects.toMatchObject({ code: 'ENOMEM' });
    await expect(says('x: Disk quota exceeded')).rejects.toMatchObject({ code: 'EDQUOT' });
    expect((await says('there is No space left on device, says a text')).code).toBe(1);
  });

  it('tells a missing program, and how to get it, from a missing folder', async () => {
    const error = await run(['/nowhere/xz']).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandNotFound);
    expect(error).toMatchObject({ name: 'MissingTool', remedy: aptInstall(['xz-utils']) });
    await expect(run(['true'], { cwd: '/nowhere' })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('ends the whole process group at the time limit', async () => {
    const file = join(folder, 'grandchild');
    const script = `sleep 100 & echo $! > ${file}; wait`;
    await expect(run(['sh', '-c', script], { timeoutMs: 300 })).rejects.toMatchObject({ timedOut: true });
    const pid = Number(readFileSync(file, 'utf8'));
    expect(pid).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(false);
  });

  it('ends the program when aborted and throws the reason', async () => {
    const abort = new AbortController();
    const running = run(['sleep', '100'], { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });

  it('ends a program that writes without end', async () => {
    await expect(run(['yes'], { maxOutputBytes: 1e5 })).rejects.toThrow('yes wrote more than 100000 bytes');
  });

  it('hands the output out in pieces when asked', async () => {
    let text = '';
    const result = await run(['echo', 'hello'], {
      onStdout: (chunk) => (text += new TextDecoder().decode(chunk)),
    });
    expect([text, result.stdout]).toEqual(['hello\n', '']);
  });
});

describe('runPipe', () => {
  it('connects programs', async () => {
    const out = join(folder, 'piped');
    let count = 0;
    await runPipe(
      [
        ['echo', 'abc'],
        ['tr', 'a-c', 'x-z'],
        ['dd', `of=${out}`, 'status=none'],
      ],
      {
        onBytes: (bytes) => {
          count = bytes;
        },
      },
    );
    expect([readFileSync(out, 'utf8'), count]).toEqual(['xyz\n', 4]);
  });

  it('names the program that failed and allows a reader that ends early', async () => {
    await expect(runPipe([['echo', 'x'], ['sh', '-c', 'cat >/dev/null; exit 4'], ['cat']])).rejects.toThrow(
      'sh ended with code 4',
    );
    await expect(runPipe([['yes'], ['head', '-1']])).resolves.toBeUndefined();
    await expect(runPipe([['cat', '/nowhere/x'], ['cat']])).rejects.toThrow('No such file');
  });
});

describe('files', () => {
  it('writes a file whole and leaves nothing beside it', async () => {
    const path = join(folder, 'deep', 'file');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(join(folder, 'deep'))).toEqual(['file']);
  });

  it('makes a folder whole or not at all', async () => {
    const path = join(folder, 'made');
    const failed = makeFolderAtomic(path, async (tmp) => {
      writeFileSync(join(tmp, 'half'), '');
      throw new Error('half-way');
    });
    await expect(failed).rejects.toThrow('half-way');
    expect(readdirSync(folder).filter((name) => name.startsWith('made'))).toEqual([]);
    expect(await makeFolderAtomic(path, async (tmp) => writeFileSync(join(tmp, 'x'), ''))).toBe(true);
    expect(readdirSync(path)).toEqual(['x']);
    expect(await makeFolderAtomic(path, async () => expect.unreachable('it is there already'))).toBe(false);
  });

  it('keeps the folder of who was first', async () => {
    const path = join(folder, 'raced');
    const outer = await makeFolderAtomic(path, async () => {
      expect(await makeFolderAtomic(path, async (tmp) => writeFileSync(join(tmp, 'first'), ''))).toBe(true);
    });
    expect([outer, readdirSync(path)]).toEqual([false, ['first']]);
    expect(readdirSync(folder).filter((name) => name.startsWith('raced.'))).toEqual([]);
  });

  it('removes temporaries of processes that are gone, and only those', async () => {
    const path = join(folder, 'left');
    const { stdout } = await run(['sh', '-c', 'echo $$']);
    writeFileSync(`${path}.tmp-${stdout.trim()}-00000000`, '');
    writeFileSync(`${path}.tmp-${process.pid}-00000000`, '');
    await makeFolderAtomic(path, async () => {});
    expect(readdirSync(folder).filter((name) => name.startsWith('left'))).toEqual([
      'left',
      `left.tmp-${process.pid}-00000000`,
    ]);
  });

  it('hashes', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256Hex('a', new Uint8Array([0x62]), 'c')).toBe(abc);
    writeFileSync(join(folder, 'abc'), 'abc');
    expect(await sha256File(join(folder, 'abc'))).toBe(abc);
    expect(contentKey('ab', 'c')).not.toBe(contentKey('a', 'bc'));
    expect(contentKey('ab', 'c')).toBe(contentKey('ab', new Uint8Array([0x63])));
  });

  it('finds the free space of a folder that is not there yet', async () => {
    expect(await freeBytes(join(folder, 'not', 'yet'))).toBeGreaterThan(0);
  });

  it('follows XDG_CACHE_HOME when it is absolute', () => {
    const before = process.env.XDG_CACHE_HOME;
    try {
      process.env.XDG_CACHE_HOME = '/elsewhere';
      expect(cacheRoot()).toBe('/elsewhere/klpkit');
      process.env.XDG_CACHE_HOME = 'relative';
      expect(cacheRoot()).toMatch(/^\/.*\/\.cache\/klpkit$/);
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });
});

describe('withLock', () => {
  it('lets one in at a time', async () => {
    const path = join(folder, 'lock');
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(path, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside--;
      });
    await Promise.all([work(), work(), work()]);
    expect([most, inside]).toEqual([1, 0]);
  });

  it('waits for another process and gets the lock when that one is killed', async () => {
    const path = join(folder, 'foreign');
    const abort = new AbortController();
    const other = run(['flock', path, 'sleep', '100'], { signal: abort.signal }).catch(() => 'ended');
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
    while ((await run(['flock', '-n', path, 'true'], { check: false })).code === 0);
    let didWait = false;
    const onWait = () => {
      didWait = true;
      abort.abort();
    };
    expect(await withLock(path, async () => 'mine', { onWait })).toBe('mine');
    expect([didWait, await other]).toEqual([true, 'ended']);
  });

  it('gives the lock back when the work fails, and can be aborted while waiting', async () => {
    const path = join(folder, 'failing');
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await withLock(path, async () => {
      const second = withLock(path, async () => 'in', { signal: AbortSignal.timeout(50) });
      await expect(second).rejects.toThrow(/timeout/);
    });
  });
});

describe('interruption', () => {
  it('ends the children and removes the temporaries', async () => {
    const path = join(folder, 'interrupted');
    const script = `
      import { makeFolderAtomic, run } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      await makeFolderAtomic(${JSON.stringify(path)}, (tmp) =>
        run(['sh', '-c', 'echo $$ > pid; mv pid ready; exec sleep 100'], { cwd: tmp }));`;
    const main = run([process.execPath, '--input-type=module', '-e', script], { check: false });
    const seen = () => readdirSync(folder).find((name) => name.startsWith('interrupted.tmp-'));
    const ready = () => seen() && existsSync(join(folder, seen() ?? '', 'ready'));
    while (!ready()) await new Promise((resolve) => setTimeout(resolve, 20));
    const tmp = seen() ?? '';
    const child = Number(readFileSync(join(folder, tmp, 'ready'), 'utf8'));
    expect(isAlive(child)).toBe(true);
    process.kill(Number(/tmp-(\d+)-/.exec(tmp)?.[1]), 'SIGINT');
    expect(await main).toMatchObject({ code: null, signal: 'SIGINT' });
    await expect.poll(() => isAlive(child)).toBe(false);
    expect(seen()).toBeUndefined();
    expect(existsSync(path)).toBe(false);
  });
});

describe('mapParallel', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapParallel([3, 1, 2, 0], 2, async (item, index) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, item * 5));
      running--;
      return item * 10 + index;
    });
    expect([results, most]).toEqual([[30, 11, 22, 3], 2]);
    expect(await mapParallel([], 2, async () => 1)).toEqual([]);
  });

  it('begins nothing after a failure, aborts what runs, and throws the first failure', async () => {
    const begun: number[] = [];
    const work = mapParallel([0, 1, 2, 3], 2, async (item, _index, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('second'))));
    });
    await expect(work).rejects.toThrow('first');
    expect(begun).toEqual([0, 1]);
  });

  it('can be aborted from outside', async () => {
    const abort = new AbortController();
    const work = mapParallel([0, 1], 1, async () => abort.abort(new Error('stop')), abort.signal);
    await expect(work).rejects.toThrow('stop');
  });
});

describe('Debian packages', () => {
  it('are known for commands', () => {
    expect(debianPackageOf('/usr/bin/xz')).toBe('xz-utils');
    expect(debianPackageOf('x86_64-linux-gnu-gcc-12')).toBe('gcc-12');
    expect(aptInstall(['make', 'gcc-12', 'make'])).toMatch(/apt-get install -y gcc-12 make$/);
  });
});
