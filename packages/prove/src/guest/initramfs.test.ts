import { UsageError } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { makeInitramfs } from './initramfs.ts';

const contents = { init: Uint8Array.of(1), nonce: new Uint8Array(16), files: [], hasShell: false };
const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);

describe('the initramfs', () => {
  it('carries busybox and its commands only where checks need them', async () => {
    const bare = text(await makeInitramfs(contents));
    const shell = text(await makeInitramfs({ ...contents, hasShell: true }));
    for (const name of ['init\0', 'nonce\0', 'proc\0', 'sys\0', 'dev\0', 'tmp\0'])
      expect(bare).toContain(name);
    expect(bare).not.toContain('bin/busybox');
    for (const name of ['bin/busybox\0', 'bin/sh\0', 'bin/cat\0']) expect(shell).toContain(name);
  });

  it('carries further files in folders of their own', async () => {
    const data = new TextEncoder().encode('content of the file');
    const archive = text(await makeInitramfs({ ...contents, files: [{ path: '/opt/a/b', data }] }));
    for (const name of ['opt\0', 'opt/a\0', 'opt/a/b\0', 'content of the file'])
      expect(archive).toContain(name);
  });

  it.each(['/../x', '/dev/null', '/init', '/a//b', '/a/./b', '/'])('refuses a file at %s', async (path) => {
    const files = [{ path, data: new Uint8Array(1) }];
    await expect(makeInitramfs({ ...contents, files })).rejects.toThrow(UsageError);
  });
});
