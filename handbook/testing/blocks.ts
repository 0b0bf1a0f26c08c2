/** Whether a page needs a kernel, from the least to the most. */
export const kinds = ['plain', 'real', 'boot'] as const;
/** `plain`: programs alone; `real`: a kernel of the cache; `boot`: a booted kernel. */
export type Kind = (typeof kinds)[number];

/** A command of a `console` block with the output that the page shows. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

/** A fenced block of a page. */
export type Block = {
  /** Line of the page that the fence is in, from 1. */
  readonly line: number;
} & (
  | { readonly type: 'console'; readonly kind: Kind; readonly fence: string; readonly steps: readonly Step[] }
  /** A file that later commands use. */
  | { readonly type: 'file'; readonly name: string; readonly text: string }
  /** Not run, and why. */
  | { readonly type: 'shown'; readonly language: string; readonly reason: string | undefined }
);

const attribute = (meta: string, name: string): string | undefined =>
  new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(meta)?.[1];

/** The fenced blocks of a page, in order. @throws {Error} for a block without an end, and for output before the first command */
export function blocksOf(page: string): Block[] {
  const lines = page.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const open = /^(\s*)(`{3,})([\w+-]*)\s*(.*)$/.exec(lines[at]);
    if (!open) continue;
    const [fence, indent, ticks, language, meta] = open;
    const line = at + 1;
    const body: string[] = [];
    for (at++; at < lines.length && lines[at] !== indent + ticks; at++)
      body.push(lines[at].slice(indent.length));
    if (at === lines.length) throw new Error(`line ${line}: the block has no end`);
    const reason = attribute(meta, 'shown');
    const name = attribute(meta, 'title');
    if (reason !== undefined) blocks.push({ line, type: 'shown', language, reason });
    else if (language === 'console') {
      if (indent !== '') throw new Error(`line ${line}: a console block stands at the margin`);
      const kind = kinds.find((one) => meta.split(/\s+/).includes(one)) ?? 'plain';
      blocks.push({ line, type: 'console', kind, fence, steps: stepsOf(body, line) });
    } else if (name !== undefined) blocks.push({ line, type: 'file', name, text: `${body.join('\n')}\n` });
    else blocks.push({ line, type: 'shown', language, reason: undefined });
  }
  return blocks;
}

function stepsOf(body: readonly string[], line: number): Step[] {
  const steps: { command: string; output: string }[] = [];
  for (let at = 0; at < body.length; at++) {
    if (body[at].startsWith('$ ')) {
      let command = body[at].slice(2);
      while (command.endsWith('\\') && at + 1 < body.length) command += `\n${body[++at]}`;
      steps.push({ command, output: '' });
      continue;
    }
    const step = steps.at(-1);
    if (!step) throw new Error(`line ${line + at + 1}: output before the first command`);
    step.output += `${body[at]}\n`;
  }
  return steps;
}

/** What a page needs: the most that one of its blocks needs, since they all run in one folder, one after the other. */
export function kindOf(blocks: readonly Block[]): Kind {
  let most = 0;
  for (const block of blocks) if (block.type === 'console') most = Math.max(most, kinds.indexOf(block.kind));
  return kinds[most];
}

/** A console block as it stands in a page. */
export function renderConsole(fence: string, steps: readonly Step[]): string {
  return `${fence}\n${steps.map(({ command, output }) => `$ ${command}\n${output}`).join('')}\`\`\``;
}

/**
 * True when real output is what a page shows: the same but for durations, and a line `…` of the page stands for any lines.
 *
 * @param shown of the page
 * @param real of the command
 */
export function isShown(shown: string, real: string): boolean {
  const want = masked(shown).split('\n');
  const have = masked(real).split('\n');
  return matches(want, have);
}

/** Durations differ from run to run. */
function masked(text: string): string {
  return text.replace(/\d+(?:\.\d+)? (?:ms|s)\b/g, '# s').replace(/ +/g, ' ');
}

function matches(want: readonly string[], have: readonly string[]): boolean {
  // Where the last gap was, and how much of the output it has taken: what follows it is tried again one line later.
  let gap = -1;
  let taken = 0;
  let w = 0;
  let h = 0;
  while (h < have.length) {
    if (w < want.length && want[w].trim() === '…') {
      gap = w++;
      taken = h;
    } else if (w < want.length && want[w] === have[h]) {
      w++;
      h++;
    } else if (gap >= 0) {
      w = gap + 1;
      h = ++taken;
    } else return false;
  }
  while (w < want.length && want[w].trim() === '…') w++;
  return w === want.length;
}
