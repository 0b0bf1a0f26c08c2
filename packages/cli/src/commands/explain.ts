import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { pageThrough } from '../pager.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly list: boolean;
}

/** Explains a line of the kernel's log; false for one that says nothing of a fault. */
async function explainMessage(context: Context, line: string): Promise<boolean> {
  const { explainLine } = await import('@klpkit/prove');
  const fault = explainLine(line.trim());
  if (!fault) return false;
  const { what, why, next, pitfall } = fault;
  if (context.isJson) {
    const json: Answer<'explain'> = {
      command: 'explain',
      outcome: 'message',
      what,
      ...(why === undefined ? {} : { why }),
      next,
      ...(pitfall === undefined ? {} : { pitfall }),
    };
    context.answer(json);
  }
  context.say(what);
  if (why !== undefined) context.say(`  why:  ${why}`);
  context.say(`  next: ${next}`);
  return true;
}

/** `klpkit explain`: a pitfall's page in the terminal. */
export const explainCommand = buildCommand<Flags, [string | undefined], Context>({
  docs: {
    brief: "Explain a finding by its number: the handbook's page in the terminal",
    fullDescription: [
      'Shows what the pitfall is, how to see it for oneself, and the safe way, through the pager of $PAGER on a terminal.',
      "--list names all of them. A line of the kernel's log about a livepatch that failed is explained as well.",
      '',
      'EXAMPLE',
      '  klpkit explain KLP102',
      '  klpkit explain "livepatch: symbol \'vfs_reed\' not found in symbol table"',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      list: { kind: 'boolean', brief: 'List all pitfalls', default: false, withNegated: false },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: "Number of a pitfall, or a line of the kernel's log",
          parse: String,
          placeholder: 'KLPnnn',
          optional: true,
        },
      ],
    },
  },
  func: action('explain', async (context, flags: Flags, id?: string) => {
    const { pitfallOf, pitfalls } = await import('@klpkit/pitfalls');
    if (flags.list) {
      const listed = pitfalls.map(({ id, name, title, severity, statement }) => ({
        id,
        name,
        title,
        severity,
        statement,
      }));
      if (context.isJson) {
        const json: Answer<'explain'> = { command: 'explain', outcome: 'listed', pitfalls: listed };
        context.answer(json);
      }
      for (const { id, severity, title } of listed)
        context.say(`${context.paint('name', id)}  ${severity.padEnd(7)}  ${title}`);
      return Exit.done;
    }
    if (id === undefined)
      throw new UsageError('which finding?', 'klpkit explain KLP102, or klpkit explain --list');
    const wanted = /^(?:klp)?(\d{3})$/i.exec(id)?.[1];
    const pitfall = wanted === undefined ? undefined : pitfallOf(`KLP${wanted}`);
    if (!pitfall && wanted === undefined && (await explainMessage(context, id))) return Exit.done;
    if (!pitfall)
      throw new UsageError(
        `${id} is no pitfall of the catalogue`,
        'klpkit explain --list names them; findings without a KLP number say everything themselves',
      );
    const { readPage } = await import('@klpkit/pitfalls/pages');
    const page = await readPage(pitfall);
    if (context.isJson) {
      const { id, name, title, severity, statement } = pitfall;
      const json: Answer<'explain'> = {
        command: 'explain',
        outcome: 'explained',
        pitfall: { id, name, title, severity, statement },
        page,
      };
      context.answer(json);
      return Exit.done;
    }
    const { renderMarkdown } = await import('../markdown.ts');
    const text = renderMarkdown(page, {
      width: context.width,
      paint: (role, words) => context.paint(role, words),
    });
    await pageThrough(context, text);
    return Exit.done;
  }),
});
