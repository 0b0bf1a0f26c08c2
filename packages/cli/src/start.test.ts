import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
let clone = '';

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'klpkit-start-test-'));
  mkdirSync(join(clone, 'packages/cli/src'), { recursive: true });
  for (const file of ['package.json', 'packages/cli/src/start.js', 'packages/cli/src/klpkit.js'])
    cpSync(join(root, file), join(clone, file));
});
afterAll(() => {
  rmSync(clone, { recursive: true });
});

/** Programs of the name `node` on the PATH that are older than klpkit bears; a Debian 12 has one. */
function oldNodes(): string[] {
  const nodes = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return nodes.filter((node) => {
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return status === 0 && Number(/^v(\d+)/.exec(stdout)?.[1]) < 22;
  });
}

function started(node: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(node, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('a Node that cannot run klpkit', () => {
  // The Node of the lock file, without what klpkit needs of it, is as good as an old one.
  const withoutTypes = '--no-experimental-strip-types';
  const program = 'packages/cli/src/klpkit.js';

  it('is named, with what to do where the clone is set up', () => {
    const args = [withoutTypes, join(root, program), '--version'];
    expect(started(process.execPath, ...args)).toEqual({
      status: 3,
      stdout: '',
      stderr: `klpkit needs Node 22.18 or later, and ${process.execPath} is ${process.version}; a newer one lies in the clone: npm run klpkit -- …, or once in each shell: export PATH="${root}node_modules/.bin:$PATH"\n`,
    });
    const without = started(process.execPath, ...args.slice(1));
    expect(without.status, 'premise: it is for nothing else').toBe(0);
  });

  it('is named, with what to do where nothing is set up yet', () => {
    const { status, stderr } = started(process.execPath, withoutTypes, join(clone, program));
    expect(stderr).toMatch(/^klpkit needs Node [^\n]*; npm run demo, in [^\n]*, brings a newer one\n$/);
    expect(status).toBe(3);
  });

  it('is named by an older Node too, through the link that npm makes', (context) => {
    const [old] = oldNodes();
    if (old === undefined) return context.skip('no Node before 22 on the PATH');
    const link = join(clone, 'klpkit');
    symlinkSync(join(clone, program), link);
    const version = execFileSync(old, ['--version'], { encoding: 'utf8' }).trim();
    const { status, stdout, stderr } = started(old, link);
    expect(stderr.split('\n')).toEqual([expect.stringContaining(` is ${version}; npm run demo, in `), '']);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  });
});
