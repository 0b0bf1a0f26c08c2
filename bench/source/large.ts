import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openKernel } from '@klpkit/kernel';

/** The largest units that one changes by hand. */
const units = [
  { source: 'kernel/sched/core.c', head: 'int wake_up_process(' },
  { source: 'net/core/dev.c', head: 'static int netif_rx_internal(struct sk_buff *skb)' },
];
const klpkit = fileURLToPath(new URL('../../packages/cli/src/klpkit.js', import.meta.url));

/**
 * How long `klpkit source` takes from a patch of a large unit to the folder, as a table in Markdown: once with the fixed unit
 * compiled, once with both objects in the cache. Seconds of the processor are those of klpkit and its compilers together.
 */
export async function largeTable(kernel: string): Promise<string> {
  const begin = loadavg()[0] as number;
  const rows: string[] = [];
  for (const { source, head } of units) {
    const fix = await newFix(kernel, source, head);
    for (const cached of [false, true]) {
      const { wall, cpu } = measure(kernel, fix);
      rows.push(
        `| ${source} | ${cached ? 'in the cache' : 'compiled'} | ${wall.toFixed(1)} | ${cpu.toFixed(1)} |`,
      );
    }
  }
  return [
    `# klpkit source of large units on ${kernel}`,
    '',
    `From a patch that changes one function to the folder, the start of the command included; seconds of the processor are those of klpkit and its`,
    `compilers. ${cpus().length} processors, load average ${begin.toFixed(1)} when it began and ${(loadavg()[0] as number).toFixed(1)} when it ended.`,
    '',
    '| unit | fixed object | wall s | processor s |',
    '|---|---|--:|--:|',
    ...rows,
    '',
  ].join('\n');
}

/** A fix that was not compiled before: a statement before the first return of a function. */
async function newFix(kernelId: string, source: string, head: string): Promise<string> {
  const { sourceDir } = await openKernel(kernelId);
  const lines = (await readFile(join(sourceDir, source), 'utf8')).split('\n');
  const begin = lines.findIndex((line, index) => line.startsWith(head) && lines[index + 1] === '{');
  const place = lines.findIndex((line, index) => index > begin && line.startsWith('\treturn '));
  if (begin < 0 || place < 0) throw new Error(`${source} has no ${head}`);
  const number = `${process.pid}${Date.now() % 1e6}ul`;
  return [
    `--- a/${source}`,
    `+++ b/${source}`,
    `@@ -${place},2 +${place},3 @@`,
    ` ${lines[place - 1]}`,
    `+\tbarrier_data((void *)${number});`,
    ` ${lines[place]}`,
    '',
  ].join('\n');
}

function measure(kernel: string, fix: string): { wall: number; cpu: number } {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-large-'));
  try {
    writeFileSync(join(folder, 'fix.patch'), fix);
    const command = `TIMEFORMAT='%R %U %S'; time "$@" 2> klpkit.log`;
    const argv = [process.execPath, klpkit, 'source', 'fix.patch', '--kernel', kernel, '-o', 'out'];
    const { status, stderr } = spawnSync('bash', ['-c', command, 'bash', ...argv], {
      cwd: folder,
      encoding: 'utf8',
    });
    const [wall, user, system] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
    if (status !== 0 || wall === undefined || user === undefined || system === undefined)
      throw new Error(`klpkit source ended with ${status}: ${stderr}`);
    return { wall, cpu: user + system };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
