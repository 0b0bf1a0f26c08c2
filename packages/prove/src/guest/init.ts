import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTool } from '@klpkit/findings';
import { aptInstall, cacheRoot, contentKey, inTemporaryFolder, run, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';

const source = new URL('../../guest/init.c', import.meta.url);
const flags = ['-O2', '-s', '-static', '-Wall'] as const;

/** The init of the VM (guest/init.c), compiled once with the kernel's compiler and kept in the cache. */
export async function guestInit(kernel: Kernel, signal?: AbortSignal): Promise<Uint8Array> {
  const code = await readFile(source);
  const key = contentKey(code, kernel.compilerVersion, ...flags);
  const path = join(cacheRoot(), 'prove', `init-${key.slice(0, 16)}`);
  if (existsSync(path)) return readFile(path);
  return inTemporaryFolder('klpkit-init-', async (folder) => {
    const built = join(folder, 'init');
    const argv = [kernel.compiler, ...flags, '-x', 'c', '-o', built, '-'];
    const result = await run(argv, {
      input: code,
      check: false,
      timeoutMs: 120_000,
      ...(signal && { signal }),
    });
    if (result.code !== 0) {
      throw new MissingTool(
        `the init of the proof VM does not compile:\n${result.stderr.trim().split('\n').slice(-5).join('\n')}`,
        aptInstall(['libc6-dev']),
      );
    }
    const bytes = await readFile(built);
    await writeFileAtomic(path, bytes);
    return bytes;
  });
}
