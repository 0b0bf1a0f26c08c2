import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.txt': 'text/plain; charset=utf-8',
};

/** A folder that is served to this machine alone. */
export interface SiteServer {
  /** `http://localhost:4848/` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the files of a folder on the loopback interface: GET and HEAD, nothing outside of the folder, nothing that is not a file.
 *
 * @param port 0 takes a free one
 * @throws the system's error when the port is taken or not allowed
 */
export async function serveSite(folder: string, port: number): Promise<SiteServer> {
  const root = await realpath(folder);
  const server = createServer((request, response) => {
    const end = (status: number) =>
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${status}\n`);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      end(405);
      return;
    }
    const isHead = request.method === 'HEAD';
    fileFor(root, request.url ?? '/').then(
      async (found) => {
        const path = found ?? (await fileFor(root, '/404.html'));
        if (path === undefined) {
          end(404);
          return;
        }
        response.writeHead(found === undefined ? 404 : 200, {
          'Content-Type': types[extname(path)] ?? 'application/octet-stream',
          'X-Content-Type-Options': 'nosniff',
        });
        if (isHead) response.end();
        else
          createReadStream(path)
            .on('error', () => response.destroy())
            .pipe(response);
      },
      () => end(404),
    );
  });
  await listen(server, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://localhost:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The file that a request means; `undefined` for none, and for anything that leads out of the folder. */
async function fileFor(root: string, url: string): Promise<string | undefined> {
  let path: string;
  try {
    path = decodeURIComponent(url.split(/[?#]/)[0]);
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || path.includes('\0')) return undefined;
  const wanted = join(root, path.endsWith('/') ? `${path}index.html` : path);
  try {
    // A link may lead anywhere: what counts is where the file really is.
    const real = await realpath(wanted);
    if (!real.startsWith(root + sep)) return undefined;
    const found = await stat(real);
    if (found.isDirectory()) return await fileFor(root, `${url.split(/[?#]/)[0]}/`);
    return found.isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, 'localhost', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
