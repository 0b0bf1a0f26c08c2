import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import { FolderStore, matrixSchema, readMatrix, releaseSchema, writeRelease } from '@klpkit/fleet';
import { inTemporaryFolder } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { artifact, cell, reportFacts } from '../../fleet/src/testing/cells.ts';
import { parse } from '../../fleet/src/testing/yaml.ts';

const require = createRequire(import.meta.url);
const Ajv: typeof import('ajv/dist/2020.js').default = require('ajv/dist/2020.js').default;
const validate = new Ajv({ strict: false, allErrors: true }).compile(matrixSchema());
const example = readFileSync(new URL('../../fleet/examples/matrix.yaml', import.meta.url), 'utf8');

function readerTakes(text: string): boolean {
  try {
    readMatrix(text, 'matrix.yaml');
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

describe('the schema of a matrix', () => {
  it('takes the example, as the reader does', () => {
    expect(validate(parse(example)), JSON.stringify(validate.errors)).toBe(true);
    expect(readMatrix(example, 'matrix.yaml').fixes).toHaveLength(5);
  });

  it.each([
    ['format: 1', 'format: 2'],
    ['format: 1\n', ''],
    ['name: web', 'name: a/b'],
    ['name: web', 'names: web'],
    ['  - debian:6.12\n', '  - []\n'],
    ['- id: debian:6.1.0', '- ids: debian:6.1.0'],
    ['coveredUntil: 2027-06-30', 'coveredUntil: 2027-13-30'],
    ['shipped/livepatch-web.ko', '/livepatch-web.ko'],
    ['shipped/livepatch-web.ko', 'a/../../livepatch-web.ko'],
    ['series: debian:6.12', 'series: debian:6.12.117'],
    ['[cloud-amd64, rt-amd64]', '[arm64]'],
    ['[cloud-amd64, rt-amd64]', '[]'],
    ['newest: 2', 'newest: 0'],
    ['newest: 2', 'shipped: a.ko'],
    ['id: seq-length', 'id: Seq'],
    ['id: seq-length', 'notes: a fix'],
    ['cve: CVE-2026-12345', 'cve: 12345'],
    ['    patch: patches/seq-length.patch\n', ''],
    ['[patches/prepare.patch, patches/mend.patch]', '[]'],
    ['[patches/prepare.patch, patches/mend.patch]', 'patches/mend.patch'],
    ["releases: ['6.12']", 'releases: 6.12'],
    ['{ run: cat /proc/version,', '{ runs: cat /proc/version,'],
    ['{ run: cat /proc/version,', '{'],
    ['prove: true', 'prove: perhaps'],
    ['maxWarnings: 2', 'maxWarnings: 1.5'],
    ['maxUnits: 300', 'maxUnits: 0'],
    ['route: binary', 'route: both'],
    ['scenarios: [load-cycles]', 'scenarios: load-cycles'],
    ['scenarios: [load-cycles]', 'scenarios: [/load-cycles.yaml]'],
    ['mitigation: the ioctl', 'mitigations: the ioctl'],
    ['mitigation: the ioctl ends with -EPERM', 'mitigation: [-EPERM]'],
    ['{ by: Jo, reason: loses writes under load }', 'it loses writes'],
    ['{ by: Jo, reason: loses writes under load }', '{ reason: loses writes under load }'],
    ['{ by: Jo, reason: loses writes under load }', "{ by: '', reason: loses writes under load }"],
    ['folder: releases/2026-10', 'folder: ../releases/2026-10'],
    ['- folder: releases/2026-10', '- releases/2026-10'],
    ['unsupported: [ax25, rose]', 'unsupported: ax25'],
    ['unsupported: [ax25, rose]', 'unsupported: [vmlinux]'],
    ['unsupported: [ax25, rose]', 'unsupported: [net/ax25]'],
    ['warnDays: 60', 'warnDays: soon'],
  ])('refuses what the reader refuses: %s as %s', (from, to) => {
    expect(example).toContain(from);
    const text = example.replace(from, to);
    expect({ schema: validate(parse(text)), reader: readerTakes(text) }).toEqual({
      schema: false,
      reader: false,
    });
  });

  it.each([
    ['name: web\n', ''],
    ['newest: 2', '# all'],
    ['    flavours: [cloud-amd64, rt-amd64]\n', ''],
    ["'6.1': patches/seq-length-6.1.patch", "'6.1': [a.patch, b.patch]"],
    ['before: /^Linux/', 'before: 0'],
    ["releases: ['6.12']", 'releases: []'],
    ['maxWarnings: 2', 'maxWarnings: 0'],
    ['unsupported: [ax25, rose]', 'unsupported: []'],
    ['warnDays: 60', 'warnDays: 0'],
    ['format: 1', '$schema: ./matrix-file.schema.json\nformat: 1'],
  ])('takes what the reader takes: %s as %s', (from, to) => {
    expect(example).toContain(from);
    const text = example.replace(from, to);
    expect({ schema: validate(parse(text)), reader: readerTakes(text) }).toEqual({
      schema: true,
      reader: true,
    });
  });
});

describe('the schema of a release', () => {
  it('takes the manifest of one, and no other key', () =>
    inTemporaryFolder('klpkit-release-', async (folder) => {
      const store = new FolderStore(join(folder, 'store'));
      const digest = await store.put('a file');
      const made = { ...artifact('livepatch-web.ko', 'f'), digest, report: digest, page: digest };
      const cells = [
        cell('6.12', 'seq-length', 'proven', { cves: ['CVE-2026-12345'], group: 'a' }),
        cell('6.12', '*', 'released', { artifact: made, coveredUntil: '2027-06-30' }),
      ];
      const out = join(folder, 'out');
      await writeRelease(out, readMatrix(example, 'matrix.yaml'), cells, reportFacts, store);
      const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
      const isRelease = new Ajv({ strict: false }).compile(releaseSchema());
      expect(isRelease(manifest), JSON.stringify(isRelease.errors)).toBe(true);
      expect(manifest.kernels[0].fixes[0].title).toBe('Check the length before it is used');
      expect(isRelease({ ...manifest, date: 'today' })).toBe(false);
      manifest.kernels[0].module.sha256 = 'none';
      expect(isRelease(manifest)).toBe(false);
    }));
});
