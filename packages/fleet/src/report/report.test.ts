import { describe, expect, it } from 'vitest';
import { needsHuman } from '../states.ts';
import { artifact, cell, reportFacts } from '../testing/cells.ts';
import type { Cell } from '../types.ts';
import { coverageCsv, coverageHtml, coverageOf, coverageText, groupsOf, openVex } from './index.ts';

const all = (release: string, ...functions: string[]) =>
  cell(release, '*', 'released', { artifact: artifact('livepatch-web.ko', ...functions) });
const cves = (...names: string[]) => ({ cves: names });

const cells = [
  cell('6.12.117', 'one', 'proven', {
    ...cves('CVE-2026-0001'),
    artifact: artifact('livepatch-one.ko', 'f'),
    group: 'x',
  }),
  cell('6.12.117', 'two', 'refused', { ...cves('CVE-2026-0002'), next: 'rewrite it' }),
  cell('6.12.117', 'three', 'not-affected', cves('CVE-2026-0003')),
  all('6.12.117', 'f'),
  cell('6.12.115', 'one', 'proven', {
    ...cves('CVE-2026-0001'),
    artifact: artifact('livepatch-one.ko', 'f', 'g'),
    group: 'y',
  }),
  cell('6.12.115', 'two', 'fixed', cves('CVE-2026-0002')),
  cell('6.12.115', 'three', 'failed', cves('CVE-2026-0003')),
  all('6.12.115', 'f', 'g'),
];

describe('coverageOf', () => {
  it('says for each kernel what is in, not needed and open', () => {
    expect(
      coverageOf(cells, reportFacts).map(({ release, live, notNeeded, open }) => ({
        release,
        live,
        notNeeded,
        open: open.map(({ fix }) => fix),
      })),
    ).toEqual([
      { release: '6.12.117', live: ['one'], notNeeded: ['three'], open: ['two'] },
      { release: '6.12.115', live: ['one'], notNeeded: ['two'], open: ['three'] },
    ]);
  });

  it('counts nothing as in a livepatch that was not released', () => {
    const [first] = coverageOf(
      cells.map((one) => (one.fix === '*' ? { ...one, state: 'disproven' } : one)),
      reportFacts,
    );
    expect(first?.live).toEqual([]);
    expect(first?.open.map(({ fix }) => fix)).toEqual(['two', '*']);
  });
});

describe('what has changed since the last run', () => {
  it('waits for a human, and counts as in no livepatch', () => {
    expect(needsHuman(cell('6.12', 'one', 'proven'))).toBe(false);
    expect(needsHuman(cell('6.12', 'one', 'proven', { isStale: true }))).toBe(true);
    const of = (more: Partial<Cell>) =>
      coverageOf([cell('6.12', 'one', 'proven'), { ...all('6.12', 'f'), ...more }], reportFacts)[0];
    expect(of({})).toMatchObject({ live: ['one'], open: [] });
    expect(of({ isStale: true })).toMatchObject({ live: [], open: [{ fix: '*' }] });
  });
});

describe('the coverage of a kernel', () => {
  const own = (coveredUntil?: string) => [
    cell('6.12.99', 'one', 'proven', coveredUntil === undefined ? {} : { coveredUntil }),
    cell('6.12.117', 'one', 'fixed', { coveredUntil: '2027-06-30' }),
  ];
  const at = (coveredUntil?: string, warnDays = 30) => {
    const [first] = coverageOf(own(coveredUntil), { ...reportFacts, warnDays });
    return { coverage: first?.coverage, daysLeft: first?.daysLeft, next: first?.next };
  };
  const next = 'boot debian:6.12.117, which is covered until 2027-06-30';

  it('is told ahead, with the kernel to go to', () => {
    expect(at()).toEqual({ coverage: 'unknown' });
    expect(at('2026-12-31')).toEqual({ coverage: 'covered' });
    expect(at('2026-12-30')).toEqual({ coverage: 'ending', daysLeft: 30, next });
    expect(at('2026-11-30')).toEqual({ coverage: 'ending', daysLeft: 0, next });
    expect(at('2026-11-29')).toEqual({ coverage: 'ended', next });
    expect(at('2026-12-01', 0)).toEqual({ coverage: 'covered' });
    expect(at('2027-12-01', 400)).toMatchObject({ next: expect.stringContaining('add a kernel') });
  });

  it('is in the text, with what was released before', () => {
    const past = {
      kernel: 'debian:6.12.99',
      file: 'a.ko',
      name: 'livepatch_web_1',
      sha256: 'd'.repeat(64),
      proven: 'd'.repeat(64),
      fixes: ['one'],
      folder: 'releases/1',
      state: 'withdrawn' as const,
      reason: 'withdrawn by Jo: oops in f',
    };
    const text = (day: string) => coverageText(own(day), { ...reportFacts, released: [past] });
    expect(text('2026-12-01')).toContain(`6.12.99, covered until 2026-12-01, 1 day left\n  next: ${next}\n`);
    expect(text('2026-11-30')).toContain('6.12.99, covered until 2026-11-30, its last day\n');
    expect(text('2026-11-29')).toContain('6.12.99, coverage ended on 2026-11-29\n');
    expect(text('2027-11-29')).toContain('6.12.99, covered until 2027-11-29\n');
    expect(text('2027-11-29')).toContain(
      `  before\n    withdrawn  livepatch_web_1 of releases/1: withdrawn by Jo: oops in f  sha256 ${past.sha256}\n`,
    );
    const page = coverageHtml(
      'web',
      own('2026-12-01'),
      { ...reportFacts, released: [past] },
      () => undefined,
    );
    expect(page).toContain('covered until 2026-12-01, 1 day left');
    expect(page).toContain('livepatch_web_1 of releases/1: withdrawn by Jo: oops in f');
  });
});

describe('groupsOf', () => {
  it('parts cells that are changed otherwise, and says how', () => {
    expect(groupsOf(cells).map(({ key, differs }) => [key, differs])).toEqual([
      ['x', []],
      ['y', ['replaces g besides']],
    ]);
    const same = cells.map((one) => (one.group ? { ...one, group: 'x' } : one));
    expect(groupsOf(same).map(({ cells: of }) => of.length)).toEqual([2]);
  });
});

describe('openVex', () => {
  const statements = (of = cells) =>
    (
      JSON.parse(openVex(of, reportFacts, { author: 'a', timestamp: '2026-01-01T00:00:00Z' })) as {
        statements: { vulnerability: { name: string }; products: { '@id': string }[]; status: string }[];
      }
    ).statements.map(
      ({ vulnerability, products: [product], status }) =>
        `${vulnerability.name} ${product?.['@id'].replace(/^pkg:deb.debian.linux-image-|@[^?]*/g, '').replace(/%40.*/, '')} ${status}`,
    );

  it('calls a kernel fixed by a livepatch only where that is loaded', () => {
    expect(statements()).toEqual([
      'CVE-2026-0001 6.12.117?arch=amd64&livepatch=livepatch-web.ko fixed',
      'CVE-2026-0001 6.12.117?arch=amd64 affected',
      'CVE-2026-0002 6.12.117?arch=amd64 affected',
      'CVE-2026-0003 6.12.117?arch=amd64 not_affected',
      'CVE-2026-0001 6.12.115?arch=amd64&livepatch=livepatch-web.ko fixed',
      'CVE-2026-0001 6.12.115?arch=amd64 affected',
      'CVE-2026-0002 6.12.115?arch=amd64 fixed',
      'CVE-2026-0003 6.12.115?arch=amd64 under_investigation',
    ]);
  });

  it('calls nothing fixed while a second fix of the CVE is open', () => {
    const both = cells.map((one) => (one.fix === 'two' ? { ...one, ...cves('CVE-2026-0001') } : one));
    expect(statements(both).slice(0, 1)).toEqual(['CVE-2026-0001 6.12.117?arch=amd64 affected']);
  });

  it('never counts as fixed what is mitigated, withdrawn, or was derived from something else', () => {
    const of = (state: Cell['state'], more: Partial<Cell> = {}) => {
      const vex = openVex(
        [cell('6.12.117', 'one', state, { ...cves('CVE-2026-0001'), ...more }), all('6.12.117', 'f')],
        reportFacts,
        { author: 'a', timestamp: '2026-01-01T00:00:00Z' },
      );
      return (
        JSON.parse(vex) as { statements: { status: string; action_statement?: string }[] }
      ).statements.map(({ status, action_statement: action }) => `${status}${action ? `: ${action}` : ''}`);
    };
    expect(of('proven')[0]).toBe('fixed');
    expect(of('proven', { isStale: true })).toEqual(['under_investigation']);
    expect(of('building')).toEqual(['under_investigation']);
    expect(of('withdrawn', { next: 'boot another' })).toEqual(['affected: boot another']);
    for (const state of ['expired', 'unsupported'] as const)
      expect(of(state)).toEqual(['affected: boot a kernel that has the fix']);
    expect(of('mitigated', { reason: 'the call ends with -EPERM' })).toEqual([
      expect.stringMatching(
        /^affected: load livepatch-web\.ko \(sha256 a+\), which mitigates it until the fix is there: the call/,
      ),
    ]);
  });

  it('has the same identity whenever it is written', () => {
    const [one, two] = ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'].map(
      (timestamp) =>
        JSON.parse(openVex(cells, reportFacts, { author: 'a', timestamp })) as Record<string, unknown>,
    );
    expect(one?.['@id']).toBe(two?.['@id']);
    expect(one?.timestamp).not.toBe(two?.timestamp);
  });
});

describe('coverageCsv', () => {
  it('quotes what would break a line or be computed', () => {
    const csv = coverageCsv([cell('6.12.117', 'one', 'refused', { reason: '=1+1, "x"\ny' })]);
    expect(csv.split('\r\n')[1]).toContain(`refused,,"'=1+1, ""x""\ny",`);
    expect(csv.endsWith('\r\n')).toBe(true);
  });
});

describe('coverageHtml', () => {
  it('escapes what comes from patches, and allows no other script', () => {
    const evil = cell('6.12.117', 'one', 'refused', { reason: '<script>alert(1)</script>' });
    const page = coverageHtml('web', [evil], reportFacts, () => undefined);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert');
    expect(page).toContain('default-src &#39;none&#39;');
  });

  it('leads from the grid to each cell, and to the report of its livepatch', () => {
    const page = coverageHtml(
      'web',
      cells,
      reportFacts,
      ({ artifact: of }) => of && `reports/${of.page}.html`,
    );
    for (const { release, fix } of cells) {
      const anchor = `${release}-${fix === '*' ? 'all' : fix}`;
      expect(page).toContain(`href="#${anchor}"`);
      expect(page).toContain(`id="${anchor}"`);
    }
    expect(page).toContain(`reports/${'c'.repeat(64)}.html`);
  });
});

describe('coverageText', () => {
  it('shows a grid, and what waits with its next step', () => {
    const text = coverageText(cells, reportFacts);
    expect(text.split('\n').slice(0, 3)).toEqual([
      '          one     two      three         all',
      '6.12.117  proven  refused  not-affected  released',
      '6.12.115  proven  fixed    failed        released',
    ]);
    expect(text).toContain('  refused  two: it is refused\n    next: rewrite it\n');
  });
});
