import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { inCases } from './case.ts';

/** A `console` block of a page: commands behind `$ `, each with the output that it must have. */
export interface Transcript {
  /** Line of the page that the first command is in, from 1. */
  readonly line: number;
  readonly steps: readonly { readonly command: string; readonly output: string }[];
}

/** The transcripts of a page, in order. A command goes on in the next line behind a backslash. */
export function transcriptsOf(page: string): Transcript[] {
  const lines = page.split('\n');
  const transcripts: Transcript[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (lines[at] !== '```console') continue;
    const steps: { command: string; output: string }[] = [];
    const line = at + 2;
    for (at++; at < lines.length && lines[at] !== '```'; at++) {
      if (lines[at].startsWith('$ ')) {
        let command = lines[at].slice(2);
        while (command.endsWith('\\') && at + 1 < lines.length) command += `\n${lines[++at]}`;
        steps.push({ command, output: '' });
      } else {
        const step = steps.at(-1);
        if (!step) throw new Error(`line ${at + 1}: output before the first command`);
        step.output += `${lines[at]}\n`;
      }
    }
    transcripts.push({ line, steps });
  }
  return transcripts;
}

/**
 * Runs every command of a page in a folder that holds the pitfall's cases and the shared files.
 *
 * @returns the page with the output that the commands really have
 */
export function rerun(folder: string, page: string): Promise<string> {
  return inCases(folder, async (scratch) => {
    let out = page;
    for (const { steps } of transcriptsOf(page)) {
      const before = render(steps);
      const after: { command: string; output: string }[] = [];
      // What kernels this machine has must not show.
      const env = { XDG_CACHE_HOME: join(scratch, 'cache') };
      for (const { command } of steps)
        after.push({ command, output: await shell(scratch, command, { env }) });
      out = out.replace(before, () => render(after));
    }
    return out;
  });
}

function render(steps: Transcript['steps']): string {
  return `\`\`\`console\n${steps.map(({ command, output }) => `$ ${command}\n${output}`).join('')}\`\`\``;
}

/**
 * Runs a command line of a page with bash, `klpkit` on its PATH.
 *
 * @returns both outputs as they come, whatever the command ends with
 * @throws when it was killed, for its time
 */
export function shell(
  cwd: string,
  command: string,
  { env: more, timeoutMs = 60_000 }: { env?: Readonly<Record<string, string>>; timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = [join(import.meta.dirname, 'bin'), process.env.PATH].join(delimiter);
    const env = { PATH: path, LC_ALL: 'C', HOME: process.env.HOME, COLUMNS: '110', NO_COLOR: '1', ...more };
    const options = { cwd, env, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 };
    // Without --norc bash takes the pipe from Node, a socket, for a remote shell's and runs the user's ~/.bashrc first.
    execFile('bash', ['--norc', '-c', `{ ${command}\n} 2>&1`], options, (error, stdout) => {
      // Pages show commands that fail as well; one that was killed shows nothing.
      if (error?.killed) reject(error);
      else resolve(stdout === '' || stdout.endsWith('\n') ? stdout : `${stdout}\n`);
    });
  });
}
