// Plain JavaScript, as `blocks.mjs` is.
import { spawn } from 'node:child_process';

/**
 * A shell as a reader has it open: each command starts where the one before left off, in its folder and with what was exported.
 *
 * @typedef {{ run(command: string): Promise<string> }} Shell
 */

/**
 * Opens a shell, bash.
 *
 * `run` gives both outputs as they come, whatever the command ends with, ended by a line feed if there are any; it throws when the
 * command was killed, for its time.
 *
 * @param {string} folder to begin in
 * @param {Record<string, string | undefined>} env
 * @param {{ timeoutMs?: number, onOutput?: (text: string) => void }} [options]
 * @returns {Shell}
 */
export function openShell(folder, env, { timeoutMs = 600_000, onOutput } = {}) {
  // Commands that go on from where the last one left off, as bash wrote it to a third stream.
  let state = '';
  return {
    run: (command) =>
      new Promise((resolve, reject) => {
        // A command that has `exit` in it, or that bash cannot read, leaves the state as it was.
        const script = `${state}\n{ ${command}\n} 2>&1 3>&-\n{ declare -px; printf 'cd -- %q\\n' "$PWD"; } >&3`;
        // A group of its own, so that what the command started ends with it.
        const child = spawn('bash', ['-c', script], {
          cwd: folder,
          env,
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        });
        let output = '';
        let left = '';
        let isLate = false;
        const end = () => {
          if (child.pid !== undefined) process.kill(-child.pid);
        };
        const timer = setTimeout(() => {
          isLate = true;
          end();
        }, timeoutMs);
        process.once('exit', end);
        /** @param {string} text */
        const take = (text) => {
          output += text;
          onOutput?.(text);
        };
        child.stdout?.setEncoding('utf8').on('data', take);
        child.stderr?.setEncoding('utf8').on('data', take);
        const third = /** @type {import('node:stream').Readable} */ (child.stdio[3]);
        third.setEncoding('utf8').on('data', (text) => {
          left += text;
        });
        child.on('error', reject);
        child.on('close', () => {
          clearTimeout(timer);
          process.off('exit', end);
          if (isLate) return reject(new Error(`ended after ${timeoutMs / 1000} s: ${command}\n${output}`));
          if (left !== '') state = left;
          resolve(output === '' || output.endsWith('\n') ? output : `${output}\n`);
        });
      }),
  };
}
