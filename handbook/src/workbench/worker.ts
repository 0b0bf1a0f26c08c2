import type { Kept } from './engine.ts';
import type { Opened } from './opened.ts';
import type { Request, Response, View } from './protocol.ts';

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(response: Response): void;
};

// What decodes is fetched at once and awaited in the handler: a message that came before the handler is there would be lost.
let loaded: Promise<typeof import('./load.ts')> | undefined;
const load = () => {
  loaded ??= import('./load.ts');
  return loaded;
};

let opened: Opened | undefined;
let kept: Kept = {};

scope.onmessage = ({ data }) => {
  answer(data).then(
    (response) => scope.postMessage(response),
    async (error: unknown) => scope.postMessage({ id: data.id, refused: await wordsFor(error) }),
  );
};
load();

async function answer(request: Request): Promise<Response> {
  const { id } = request;
  const { open, openKept, searchTable, graphMarkup, FormatError } = await load();
  const viewOf = (shown: Opened): View => ({
    ...shown.view,
    tables: shown.tables.map((table) => searchTable(table)),
    hasGraph: shown.graph !== undefined,
  });
  const start = performance.now();
  if (request.type === 'open') {
    opened = undefined;
    const files = await Promise.all(
      request.files.map(async ({ name, blob }) => ({
        name,
        bytes: new Uint8Array(await blob.arrayBuffer()),
      })),
    );
    ({ opened, kept } = await open(files, kept));
    return { id, view: viewOf(opened), milliseconds: performance.now() - start };
  }
  if (request.type === 'let-go') {
    kept = kept.livepatch ? { livepatch: kept.livepatch } : {};
    opened = openKept(kept);
    return { id, view: viewOf(opened), milliseconds: performance.now() - start };
  }
  if (!opened) throw new FormatError('no file is open');
  if (request.type === 'search') {
    const table = opened.tables.find((one) => one.id === request.table);
    if (!table) throw new FormatError(`there is no table ${request.table}`);
    return { id, table: searchTable(table, request.query) };
  }
  if (request.type === 'graph') {
    const graph = opened.graph?.();
    if (!graph) throw new FormatError('there are too many functions to draw, or none that calls another');
    return { id, graph: graphMarkup(graph).text };
  }
  const code = opened.code(request.key);
  if (!code) throw new FormatError('there is no code to show');
  return { id, code };
}

async function wordsFor(error: unknown): Promise<string> {
  const { FormatError } = await load();
  if (error instanceof FormatError) return error.message;
  if (error instanceof RangeError && /allocation|array length/i.test(error.message))
    return 'the file wants more memory than the browser gives';
  return `a defect of klpkit, please report it: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
}
