import { Refusal } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { readMatrix } from './read.ts';

const good = `format: 1
name: web
kernels:
  - debian:6.12
  - id: debian:6.1
    coveredUntil: 2027-06-30
    shipped: old/livepatch-web.ko
  - series: debian:6.12
    flavours: [cloud-amd64, rt-amd64]
    newest: 2
fixes:
  - id: web-1
    title: a fix
    cve: [CVE-2026-1234, CVE-2026-12345]
    patches: [a.patch, sub/b.patch]
    backports:
      '6.1': sub/b-6.1.patch
    overrides:
      KLP501: set by a callback
    checks:
      - { run: cat /proc/version, before: '0', patched: /one|two/ }
  - id: gone
    unpatchable: changes the boot
  - id: helps
    patch: stub.patch
    mitigation: the system call ends with -EPERM
  - id: harmful
    patch: harm.patch
    withdrawn: { by: Jo, reason: it loses writes }
released:
  - folder: releases/1
    withdrawn: { by: Jo, reason: oops in f }
  - { folder: releases/2 }
policy:
  unsupported: [ax25, snd-hda-intel]
  warnDays: 14
  prove: false
  maxWarnings: 0
  route: source
  scenarios: [load-cycles, sub/own.yaml]
`;

/** What is wrong, each with its line. */
function wrong(text: string): string[] {
  try {
    readMatrix(text, 'm.yaml');
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.findings.map(({ at, what }) => `${at?.line}: ${what}`);
  }
  return [];
}

describe('readMatrix', () => {
  it('reads all that a matrix can say', () => {
    expect(readMatrix(good, 'm.yaml')).toEqual({
      name: 'web',
      kernels: [
        { id: 'debian:6.12' },
        { id: 'debian:6.1', coveredUntil: '2027-06-30', shipped: 'old/livepatch-web.ko' },
        { id: 'debian:6.12', select: { flavours: ['cloud-amd64', 'rt-amd64'], newest: 2 } },
      ],
      fixes: [
        {
          id: 'web-1',
          title: 'a fix',
          cves: ['CVE-2026-1234', 'CVE-2026-12345'],
          patches: ['a.patch', 'sub/b.patch'],
          backports: [{ release: '6.1', patches: ['sub/b-6.1.patch'] }],
          releases: [],
          overrides: { KLP501: 'set by a callback' },
          checks: [{ run: 'cat /proc/version', before: '0', patched: '/one|two/' }],
        },
        {
          id: 'gone',
          cves: [],
          patches: [],
          backports: [],
          releases: [],
          overrides: {},
          checks: [],
          unpatchable: 'changes the boot',
        },
        {
          id: 'helps',
          cves: [],
          patches: ['stub.patch'],
          backports: [],
          releases: [],
          overrides: {},
          checks: [],
          mitigation: 'the system call ends with -EPERM',
        },
        {
          id: 'harmful',
          cves: [],
          patches: ['harm.patch'],
          backports: [],
          releases: [],
          overrides: {},
          checks: [],
          withdrawn: { by: 'Jo', reason: 'it loses writes' },
        },
      ],
      released: [
        { folder: 'releases/1', withdrawn: { by: 'Jo', reason: 'oops in f' } },
        { folder: 'releases/2' },
      ],
      policy: {
        route: 'source',
        prove: false,
        cumulative: true,
        maxWarnings: 0,
        scenarios: ['load-cycles', 'sub/own.yaml'],
        unsupported: ['ax25', 'snd-hda-intel'],
        warnDays: 14,
      },
    });
  });

  it.each([
    ['format: 1', 'format: 2', '1: format 1 is what this klpkit reads, and this is "2"'],
    ['name: web', 'names: web', '2: there is no key "names" here'],
    ['2027-06-30', '2027-13-01', '6: a day belongs here, 2027-06-30, and this is "2027-13-01"'],
    ['old/livepatch-web.ko', '../old.ko', '7: a file beside the matrix or below it belongs here'],
    ['series: debian:6.12', 'series: 6.12', '8: a series belongs here, debian:6.12, and this is "6.12"'],
    ['rt-amd64', 'rt', '9: there is no flavour "rt"'],
    ['[cloud-amd64, rt-amd64]', '[]', '9: there is no flavour in this list'],
    ['newest: 2', 'newest: 0', '10: a whole number from 1'],
    ['sub/b.patch', '/etc/passwd', '15: a file beside the matrix or below it belongs here'],
    ['id: gone', 'id: web-1', '22: two fixes are called web-1'],
    ['id: gone', 'id: Gone!', '22: an id has small letters, digits and dashes'],
    ['CVE-2026-1234,', 'CVE-26-1,', '14: a CVE is CVE-YEAR-NUMBER, and this is "CVE-26-1"'],
    ['/one|two/', '/one(/', '21: '],
    ['prove: false', 'prove: perhaps', '37: true or false belongs here, and this is "perhaps"'],
    ['maxWarnings: 0', 'maxWarnings: -1', '38: a whole number from 0'],
    ['route: source', 'route: both', '39: binary or source belongs here, and this is "both"'],
    ['sub/own.yaml', '../own.yaml', '40: a file beside the matrix or below it belongs here'],
    ['[load-cycles, sub/own.yaml]', 'load-cycles', '40: a list of files belongs here'],
    ['it loses writes', "''", '29: a withdrawal says why'],
    ['by: Jo, reason: it', 'reason: it', '29: a withdrawal says whose it is'],
    ['- folder: releases/1', '- version: 1', '31: there is no key "version" here'],
    ['releases/2', '../2', '33: a file beside the matrix or below it belongs here'],
    ['snd-hda-intel', 'vmlinux', '35: a module belongs here, as lsmod names it, and this is "vmlinux"'],
    ['warnDays: 14', 'warnDays: soon', '36: a whole number from 0'],
    ['    patches: [a.patch, sub/b.patch]\n', '', '12: the fix web-1 has no patch'],
  ])('tells of %s as %s with its line', (from, to, what) => {
    expect(wrong(good)).toEqual([]);
    expect(wrong(good.replace(from, to))).toContainEqual(expect.stringContaining(what));
  });

  it('tells of everything at once, and of what is no YAML', () => {
    expect(wrong(good.replace('format: 1', 'format: 2').replace('id: gone', 'id: web-1'))).toHaveLength(2);
    expect(wrong('kernels: [')).toEqual([expect.stringContaining('this is no YAML')]);
    expect(wrong('[]')).toEqual([expect.stringContaining('a matrix is a mapping')]);
  });
});
