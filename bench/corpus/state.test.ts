import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from './outcome.ts';
import { openState, shardOf } from './state.ts';

const outcome = (file: string, what: Outcome['outcome'] = 'built'): Outcome => ({
  file,
  kind: 'built-in',
  outcome: what,
  reasons: [],
  functions: [],
  headers: [],
  why: [],
  seconds: { build: 1 },
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-state-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('openState', () => {
  it('goes on with what was written, the last line of a file counting', () => {
    const path = join(folder, 'resumed');
    const first = openState(path, false);
    first.add(outcome('fs/a.c'));
    first.add(outcome('fs/b.c', 'refused'));
    first.add(outcome('fs/a.c', 'proven'));
    const { outcomes } = openState(path, true);
    expect([...outcomes].map(([file, each]) => `${file} ${each.outcome}`)).toEqual([
      'fs/a.c proven',
      'fs/b.c refused',
    ]);
  });

  it('drops a line that was not written to its end, and goes on behind the last whole one', () => {
    const path = join(folder, 'killed');
    openState(path, false).add(outcome('fs/a.c'));
    appendFileSync(path, '{"file":"fs/b.c","kin');
    const state = openState(path, true);
    expect([...state.outcomes.keys()]).toEqual(['fs/a.c']);
    state.add(outcome('fs/ü.c'));
    expect([...openState(path, true).outcomes.keys()]).toEqual(['fs/a.c', 'fs/ü.c']);
  });

  it('starts anew without being told to go on', () => {
    const path = join(folder, 'anew');
    openState(path, false).add(outcome('fs/a.c'));
    const state = openState(path, false);
    expect(state.outcomes.size).toBe(0);
    state.add(outcome('fs/b.c'));
    expect(readFileSync(path, 'utf8')).not.toContain('fs/a.c');
  });

  it('writes one line for each file at the end, sorted', async () => {
    const path = join(folder, 'compact');
    const state = openState(path, false);
    for (const each of [outcome('net/b.c'), outcome('fs/a.c'), outcome('net/b.c', 'proven')]) state.add(each);
    await state.compact();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Outcome).file)).toEqual(['fs/a.c', 'net/b.c']);
  });

  it('says which line is damaged rather than to lose outcomes', () => {
    const path = join(folder, 'damaged');
    writeFileSync(path, 'no JSON\n');
    expect(() => openState(path, true)).toThrow();
  });
});

describe('shardOf', () => {
  it('shares the items out, each to one', () => {
    const items = Array.from({ length: 10 }, (_, n) => n);
    const shards = ['1/3', '2/3', '3/3'].map((shard) => shardOf(items, shard));
    expect(shards.flat().sort((a, b) => a - b)).toEqual(items);
    expect(shards.map((shard) => shard.length)).toEqual([4, 3, 3]);
    expect(shardOf(items, undefined)).toEqual(items);
  });

  it('refuses what is no shard', () => {
    for (const wrong of ['0/3', '4/3', '1', 'a/b', '1/0'])
      expect(() => shardOf([1], wrong)).toThrow('--shard');
  });
});
