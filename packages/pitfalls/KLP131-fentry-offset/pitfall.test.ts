import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;
const told = async (compiler: string, ...flags: string[]) =>
  said(await assessCase(folder, { compiler, flags }), 'KLP131');

describe('KLP131', () => {
  test.each(['gcc-12', 'gcc-11'])('%s without -mfentry calls ftrace too late', async (compiler) => {
    const [finding, ...more] = await told(compiler, '-mno-fentry', '-mno-record-mcount');
    expect(finding).toMatch(/error KLP131: f: f calls mcount at \+0x\w+, behind its prologue/);
    expect(more).toEqual([]);
  });

  test.each([
    ['gcc-12', '-fcf-protection=none'],
    ['gcc-12', '-fcf-protection=branch'],
    ['gcc-12', '-fpatchable-function-entry=16,16'],
    ['clang-19', '-fcf-protection=branch'],
    ['aarch64-linux-gnu-gcc-12', '-g0', '-fpatchable-function-entry=2'],
    ['powerpc64le-linux-gnu-gcc-12', '-g0', '-pg', '-mprofile-kernel'],
    ['s390x-linux-gnu-gcc-12', '-g0', '-pg', '-mfentry', '-mrecord-mcount'],
  ])('%s %s is fine', async (compiler, ...flags) => {
    expect(await told(compiler, ...flags)).toEqual([]);
  });
});
