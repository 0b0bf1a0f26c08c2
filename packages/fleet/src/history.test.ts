import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTemporaryFolder, sha256Hex } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { inTheField, type PastRelease, readHistory, readReleased, releasedLivepatches } from './history.ts';
import { fixOf, matrixOf } from './testing/cells.ts';

const by = (reason: string) => ({ by: 'Jo', reason });

/** A release of livepatches for kernels, each with the same fixes. */
function release(
  folder: string,
  kernels: readonly string[],
  fixes: readonly string[],
  more = {},
): PastRelease {
  return {
    folder,
    kernels: kernels.map((kernel) => ({
      kernel,
      file: `${kernel}/web.ko`,
      name: `livepatch_web_${folder}`,
      sha256: sha256Hex(folder),
      proven: sha256Hex(folder),
      fixes,
    })),
    ...more,
  };
}

const states = (livepatches: readonly { folder: string; state: string; reason?: string }[]) =>
  livepatches.map(({ folder, state, reason }) => `${folder} ${state}${reason ? `: ${reason}` : ''}`);

describe('releasedLivepatches', () => {
  const three = [
    release('1', ['a'], ['one']),
    release('2', ['a'], ['one', 'two'], { version: '2.0', notice: 'N-2' }),
    release('3', ['b'], ['one']),
  ];

  it('calls superseded what a later one of the same kernel follows, and no other', () => {
    expect(states(releasedLivepatches(matrixOf([]), three))).toEqual([
      '1 superseded: livepatch_web_2 of 2.0 follows it',
      '2 released',
      '3 released',
    ]);
  });

  it('withdraws a release, and every livepatch that has a withdrawn fix', () => {
    const [first, second, third] = three as [PastRelease, PastRelease, PastRelease];
    const taken = [first, { ...second, withdrawn: by('oops in f') }, third];
    expect(states(releasedLivepatches(matrixOf([]), taken))).toEqual([
      '1 released',
      '2 withdrawn: withdrawn by Jo: oops in f',
      '3 released',
    ]);
    const matrix = matrixOf([fixOf('one'), fixOf('two', { withdrawn: by('it loses writes') })]);
    expect(states(releasedLivepatches(matrix, three))).toEqual([
      '1 released',
      '2 withdrawn: two is withdrawn by Jo: it loses writes',
      '3 released',
    ]);
  });

  it('has in the field the newest, and while that is withdrawn the one before', () => {
    const inField = (history: readonly PastRelease[]) =>
      inTheField(releasedLivepatches(matrixOf([]), history), 'a').map(({ folder }) => folder);
    const [first, second, third] = three as [PastRelease, PastRelease, PastRelease];
    expect(inField(three)).toEqual(['2']);
    expect(inField([first, { ...second, withdrawn: by('x') }, third])).toEqual(['2', '1']);
    expect(
      inField([
        { ...first, withdrawn: by('x') },
        { ...second, withdrawn: by('x') },
      ]),
    ).toEqual(['2', '1']);
    expect(inField([third])).toEqual([]);
  });
});

describe('readHistory', () => {
  const manifest = (file: string, bytes: string) => ({
    format: 1,
    name: 'web',
    version: '1.0',
    kernels: [
      {
        kernel: 'a',
        module: { name: 'livepatch_web', file, sha256: sha256Hex(bytes), proven: sha256Hex(bytes), size: 1 },
        fixes: [{ id: 'one', cves: [] }],
      },
    ],
  });

  /** What is told of a release whose manifest is this text. */
  const told = (text: string | undefined) =>
    inTemporaryFolder('klpkit-history-', async (folder) => {
      mkdirSync(join(folder, 'r/a'), { recursive: true });
      if (text !== undefined) writeFileSync(join(folder, 'r/manifest.json'), text);
      writeFileSync(join(folder, 'r/a/web.ko'), 'a module');
      const missing: string[] = [];
      const tell = (what: string) => missing.push(what);
      const matrix = { ...matrixOf([]), released: [{ folder: 'r' }] };
      const released = releasedLivepatches(matrix, await readHistory(matrix, folder, tell));
      for (const one of released) await readReleased(folder, one, tell);
      return { missing, released };
    });

  it('reads what a release brought, and its module', async () => {
    const { missing, released } = await told(JSON.stringify(manifest('a/web.ko', 'a module')));
    expect(missing).toEqual([]);
    expect(released).toMatchObject([{ kernel: 'a', version: '1.0', fixes: ['one'], state: 'released' }]);
  });

  it.each([
    ['no manifest', undefined, 'r/manifest.json cannot be read: ENOENT'],
    ['no JSON', '{', 'r/manifest.json is no JSON'],
    ['another format', JSON.stringify({ ...manifest('a', 'b'), format: 2 }), 'is no manifest: format'],
    ['a file elsewhere', JSON.stringify(manifest('../../x.ko', 'b')), 'no file of the release'],
    [
      'a module that is gone',
      JSON.stringify(manifest('a/none.ko', 'b')),
      'r/a/none.ko cannot be read: ENOENT',
    ],
    ['another module', JSON.stringify(manifest('a/web.ko', 'b')), 'r/a/web.ko is not what its manifest says'],
  ])('tells of %s', async (_, text, what) => {
    expect((await told(text)).missing).toEqual([expect.stringContaining(what)]);
  });
});
