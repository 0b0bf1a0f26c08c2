import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@klpkit/findings';
import { buildCommand, numberParser } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly port: number;
}

/** What the site's builder, which lies beside the packages, has for us. */
interface Builder {
  readonly siteFolder: string;
  isSiteFresh(): Promise<boolean>;
  buildSite(onLine?: (line: string) => void): Promise<void>;
}

const builder = new URL('../../../../handbook/build.ts', import.meta.url);

/** `klpkit handbook`: the handbook and the workbench, served to this machine. */
export const handbookCommand = buildCommand<Flags, [], Context>({
  docs: {
    brief: 'Serve the handbook and the workbench on this machine',
    fullDescription: [
      'Builds the site if it is not there or something that it is made of has changed, and serves it on the loopback interface',
      'until it is interrupted. Nothing is fetched from anywhere else.',
      '',
      'EXAMPLE',
      '  klpkit handbook --port 4848',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      port: { kind: 'parsed', parse: numberParser, brief: 'Port; 0 takes a free one', default: '4848' },
    },
  },
  func: action('handbook', async (context, { port }: Flags) => {
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw new UsageError(`${port} is no port`, 'klpkit handbook --port 4848');
    if (!existsSync(builder))
      throw new UsageError(
        'the handbook is not part of this installation',
        'run klpkit from its repository: npm run handbook',
      );
    const { siteFolder, isSiteFresh, buildSite } = (await import(fileURLToPath(builder))) as Builder;
    if (!(await isSiteFresh())) {
      context.complain('building the handbook; this takes half a minute, once');
      await buildSite();
    }
    const { serveSite } = await import('../site-server.ts');
    const server = await serveSite(siteFolder, port);
    const { signal } = context;
    if (context.isJson) {
      const answer: Answer<'handbook'> = { command: 'handbook', outcome: 'served', url: server.url };
      context.answer(answer);
    }
    context.say(`${context.paint('name', server.url)}  (Ctrl-C ends it)`);
    await new Promise<void>((resolve) => {
      // Without anybody to interrupt it the process itself is ended.
      if (signal?.aborted) resolve();
      else signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    await server.close();
    return Exit.done;
  }),
});
