import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { get, request } from 'node:http';
import { join } from 'node:path';
import { inTemporaryFolder } from '@klpkit/host';
import { expect, it } from 'vitest';
import { type SiteServer, serveSite } from './site-server.ts';
import { klpkit } from './testing/run.ts';

interface Got {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

/** Asks for a path as it is written: a browser would tidy it up. */
function ask({ url }: SiteServer, path: string, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ host: 'localhost', port: new URL(url).port, path, method }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode, type: answer.headers['content-type'], text }),
      );
    })
      .on('error', reject)
      .end();
  });
}

it('serves the files of its folder and nothing else', async () => {
  await inTemporaryFolder('klpkit-site-', async (folder) => {
    const site = join(folder, 'site');
    await mkdir(join(site, 'page'), { recursive: true });
    await writeFile(join(site, 'page/index.html'), 'a page');
    await writeFile(join(site, 'it.wasm'), 'wasm');
    await writeFile(join(site, '404.html'), 'not here');
    await writeFile(join(folder, 'secret.txt'), 'secret');
    await symlink(join(folder, 'secret.txt'), join(site, 'link.txt'));
    const server = await serveSite(site, 0);
    try {
      expect(await ask(server, '/page/')).toEqual({
        status: 200,
        type: 'text/html; charset=utf-8',
        text: 'a page',
      });
      expect(await ask(server, '/page?x=1')).toMatchObject({ status: 200, text: 'a page' });
      expect(await ask(server, '/it.wasm')).toMatchObject({ status: 200, type: 'application/wasm' });
      expect(await ask(server, '/it.wasm', 'HEAD')).toMatchObject({ status: 200, text: '' });
      for (const path of [
        '/../secret.txt',
        '/page/../../secret.txt',
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/link.txt',
        '/%00',
        '/%zz',
        '/nothing',
      ])
        expect(await ask(server, path), path).toMatchObject({ status: 404, text: 'not here' });
      expect(await ask(server, '/page/', 'POST')).toMatchObject({ status: 405 });
    } finally {
      await server.close();
    }
    await expect(
      new Promise((resolve, reject) => get(server.url, resolve).on('error', reject)),
    ).rejects.toThrow();
  });
});

it('wants a port that is one', async () => {
  const { code, stderr } = await klpkit('handbook', '--port', '70000');
  expect(code).toBe(2);
  expect(stderr).toContain('70000 is no port');
});
