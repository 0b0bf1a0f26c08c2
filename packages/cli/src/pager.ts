import { spawn } from 'node:child_process';
import type { Context } from './context.ts';

/** Prints text; on a terminal, through the pager of `$PAGER` (`less` unless told otherwise) when there is one. */
export async function pageThrough(context: Context, text: string): Promise<void> {
  const { stdout } = context.process;
  const rows = (stdout as { rows?: number }).rows ?? 0;
  const [program, ...args] = (context.env.PAGER ?? 'less').split(' ').filter((word) => word !== '');
  const isShort = text.split('\n').length < rows;
  if (!stdout.isTTY || stdout !== process.stdout || isShort || program === undefined || program === 'cat') {
    context.say(text.trimEnd());
    return;
  }
  const isShown = await new Promise<boolean>((resolve) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { LESS: 'FRX', ...process.env },
    });
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(true));
    // The reader may leave before the end.
    child.stdin.on('error', () => {});
    child.stdin.end(text);
  });
  if (!isShown) context.say(text.trimEnd());
}
