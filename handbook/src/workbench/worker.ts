import type { Opened } from './opened.ts';
import type { Request, Response } from './protocol.ts';

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

scope.onmessage = ({ data }) => {
  answer(data).then(
    (response) => scope.postMessage(response),
    async (error: unknown) => scope.postMessage({ id: data.id, refused: await wordsFor(error) }),
  );
};
load();

async function answer(request: Request): Promise<Response> {
  const { id } = request;
  const { open, searchTable, FormatError } = await load();
  if (request.type === 'open') {
    const start = performance.now();
    opened = undefined;
    const files = await Promise.all(
      request.files.map(async ({ name, blob }) => ({
        name,
        bytes: new Uint8Array(await blob.arrayBuffer()),
      })),
    );
    opened = await open(files);
    const tables = opened.tables.map((table) => searchTable(table));
    const view = { ...opened.view, tables, hasGraph: opened.graph !== undefined };
    return { id, view, milliseconds: performance.now() - start };
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
    const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
    return { id, graph: { svg: (await Graphviz.load()).dot(graph.dot), words: graph.words } };
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
