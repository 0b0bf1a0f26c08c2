// Plain JavaScript: `follow.mjs` reads pages with the Node of a fresh machine, which knows no TypeScript.

/** Whether a page needs a kernel, from the least to the most. */
export const kinds = /** @type {const} */ (['plain', 'real', 'boot']);

/**
 * `plain`: programs alone; `real`: a kernel of the cache; `boot`: a booted kernel.
 *
 * @typedef {(typeof kinds)[number]} Kind
 */

/**
 * A command of a `console` block with the output that the page shows.
 *
 * @typedef {{ readonly command: string, readonly output: string }} Step
 */

/**
 * A fenced block of a page, with the line that its fence is in, from 1. A `console` block is run; with `inClone` it is typed in the
 * folder of a clone of klpkit. A `file` is used by later commands. What is `shown` is not run, and `reason` says why.
 *
 * @typedef {{ readonly line: number } & (
 *   | { readonly type: 'console', readonly kind: Kind, readonly inClone: boolean, readonly fence: string, readonly steps: readonly Step[] }
 *   | { readonly type: 'file', readonly name: string, readonly text: string }
 *   | { readonly type: 'shown', readonly language: string, readonly reason: string | undefined }
 * )} Block
 */

/**
 * @param {string} meta
 * @param {string} name
 */
const attribute = (meta, name) => new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(meta)?.[1];

/**
 * The fenced blocks of a page, in order.
 *
 * @param {string} page
 * @returns {Block[]}
 * @throws {Error} for a block without an end, and for output before the first command
 */
export function blocksOf(page) {
  const lines = page.split('\n');
  /** @type {Block[]} */
  const blocks = [];
  for (let at = 0; at < lines.length; at++) {
    const open = /^(\s*)(`{3,})([\w+-]*)\s*(.*)$/.exec(lines[at]);
    if (!open) continue;
    const [fence, indent, ticks, language, meta] = open;
    const line = at + 1;
    const body = [];
    for (at++; at < lines.length && lines[at] !== indent + ticks; at++)
      body.push(lines[at].slice(indent.length));
    if (at === lines.length) throw new Error(`line ${line}: the block has no end`);
    const reason = attribute(meta, 'shown');
    const name = attribute(meta, 'title');
    if (reason !== undefined) blocks.push({ line, type: 'shown', language, reason });
    else if (language === 'console') {
      if (indent !== '') throw new Error(`line ${line}: a console block stands at the margin`);
      const words = meta.split(/\s+/);
      const kind = kinds.find((one) => words.includes(one)) ?? 'plain';
      const inClone = words.includes('clone');
      blocks.push({ line, type: 'console', kind, inClone, fence, steps: stepsOf(body, line) });
    } else if (name !== undefined) blocks.push({ line, type: 'file', name, text: `${body.join('\n')}\n` });
    else blocks.push({ line, type: 'shown', language, reason: undefined });
  }
  return blocks;
}

/**
 * @param {readonly string[]} body
 * @param {number} line
 * @returns {Step[]}
 */
function stepsOf(body, line) {
  /** @type {{ command: string, output: string }[]} */
  const steps = [];
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

/**
 * What a page needs: the most that one of its blocks needs, since they all run in one folder, one after the other.
 *
 * @param {readonly Block[]} blocks
 * @returns {Kind}
 */
export function kindOf(blocks) {
  let most = 0;
  for (const block of blocks) if (block.type === 'console') most = Math.max(most, kinds.indexOf(block.kind));
  return kinds[most];
}

/**
 * A console block as it stands in a page.
 *
 * @param {string} fence
 * @param {readonly Step[]} steps
 */
export function renderConsole(fence, steps) {
  return `${fence}\n${steps.map(({ command, output }) => `$ ${command}\n${output}`).join('')}\`\`\``;
}

/**
 * True when real output is what a page shows: the same but for durations, and a line `…` of the page stands for any lines.
 *
 * @param {string} shown of the page
 * @param {string} real of the command
 */
export function isShown(shown, real) {
  return matches(masked(shown).split('\n'), masked(real).split('\n'));
}

/**
 * Durations differ from run to run.
 *
 * @param {string} text
 */
function masked(text) {
  return text.replace(/\d+(?:\.\d+)? (?:ms|s)\b/g, '# s').replace(/ +/g, ' ');
}

/**
 * @param {readonly string[]} want
 * @param {readonly string[]} have
 */
function matches(want, have) {
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
