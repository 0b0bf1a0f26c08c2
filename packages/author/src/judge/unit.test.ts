import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareObjects, readObjectModel } from '@klpkit/compare';
import { findSection, readElf } from '@klpkit/formats';
import { assessUnit } from '@klpkit/pitfalls';
import { expect, it } from 'vitest';
import { said, unitCase } from '../../../pitfalls/testing/case.ts';
import { smallKernel } from '../../../pitfalls/testing/livepatch.ts';
import { unitEvidence } from './unit.ts';

const run = promisify(execFile);
const folder = join(import.meta.dirname, '../../../pitfalls/KLP104-folded-inline');

/** An object as the comparison gets it: without debug information. */
async function plain(debug: Uint8Array): Promise<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), 'klpkit-judge-'));
  try {
    await writeFile(join(scratch, 'unit.o'), debug);
    await run('objcopy', ['--strip-debug', 'unit.o'], { cwd: scratch });
    return new Uint8Array(await readFile(join(scratch, 'unit.o')));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

it('joins what the object, its debug information and the dump of clones say of a unit', async () => {
  const { comparison, edits = [] } = await unitCase(folder);
  const [before, after] = [comparison.before.elf.bytes, comparison.after.elf.bytes];
  const compared = compareObjects(readObjectModel(await plain(before)), readObjectModel(await plain(after)));
  const side = { types: new Uint8Array(0), ipaClones: '' };
  const evidence = (debug: boolean) =>
    unitEvidence(
      { unit: { source: 'case.c', owner: 'vmlinux' } as never, comparison: compared },
      {
        before: { ...side, ...(debug ? { debug: before } : {}) },
        after: { ...side, ...(debug ? { debug: after } : {}) },
        edits,
        kernel: smallKernel({}),
        found: [],
      },
    );
  expect(evidence(true).placement?.before.witnesses).toEqual(['dwarf', 'elf', 'ipa-clones']);
  expect(evidence(false).placement?.before.witnesses).toEqual(['elf', 'ipa-clones']);
  expect(evidence(true).placement?.before.functions.get('max_frags')?.by).toContain('dwarf');
  expect(assessUnit(evidence(false)).unchecked.map(({ id }) => id)).toContain('KLP104');
  expect(assessUnit(evidence(true)).unchecked.map(({ id }) => id)).not.toContain('KLP104');
  // A damaged one is as good as none.
  const damaged = before.slice();
  const { offset = 0, size = 0 } = findSection(readElf(before), '.debug_info') ?? {};
  damaged.fill(0xff, offset, offset + size);
  const poor = unitEvidence(
    { unit: { source: 'case.c', owner: 'vmlinux' } as never, comparison: compared },
    { before: { ...side, debug: damaged }, after: side, edits, kernel: smallKernel({}), found: [] },
  );
  expect(poor.placement?.before.witnesses).toEqual(['elf', 'ipa-clones']);
  // Without the dump of clones only the comparison tells.
  const alone = unitEvidence(
    { unit: { source: 'case.c', owner: 'vmlinux' } as never, comparison: compared },
    {
      before: { types: side.types, debug: before },
      after: { types: side.types, debug: after },
      edits,
      kernel: smallKernel({}),
      found: [],
    },
  );
  expect(said(assessUnit(alone), 'KLP104').join()).toContain('DWARF names no caller of max_frags');
});
