import { readElf } from '@klpkit/formats';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { readLivepatch } from '../../../livepatch/src/index.ts';
import { makeLoadable, type Wanted } from '../../../pitfalls/testing/loadable.ts';
import { proveLivepatch } from '../prove.ts';
import type { LivepatchProof, LivepatchToProve } from '../types.ts';

/** A livepatch that is wrong, and what its proof says of it. */
interface Wrong extends Wanted {
  /** Id of the finding, and the pitfall that it names. */
  readonly says: string;
  readonly pitfall?: string;
  /** Makes it wrong after it was linked. */
  readonly damage?: (ko: Uint8Array) => Uint8Array;
  readonly check?: string;
}

const ext = (name = 'yield') => [{ symbol: 'ext', object: 'vmlinux', name, sympos: 0, patched: 'vmlinux' }];
const own = { folder: '../prove/src/log' };
const calls = { ...own, source: 'calls.c', placeholders: ext() };
const reads = 'cat /proc/cmdline';

/** Of the fault catalogue, by what the kernel does with it: refuses it, refuses a module, or runs into it. */
const wrong: Readonly<Record<string, Wrong>> = {
  'not marked': {
    folder: 'KLP201-not-marked',
    source: 'faulty.c',
    says: 'not-a-livepatch',
    pitfall: 'KLP201',
  },
  'no such function': {
    folder: 'KLP203-no-such-function',
    source: 'faulty.c',
    says: 'symbol-not-found',
    pitfall: 'KLP203',
  },
  'an ambiguous name': {
    folder: 'KLP204-ambiguous-name',
    source: 'faulty.c',
    says: 'symbol-ambiguous',
    pitfall: 'KLP204',
  },
  'a position too large': { ...own, source: 'ninth.c', says: 'sympos-too-large', pitfall: 'KLP204' },
  'not traceable': {
    folder: 'KLP205-not-traceable',
    source: 'faulty.c',
    says: 'no-ftrace-location',
    pitfall: 'KLP205',
  },
  'data for a function': {
    folder: 'KLP205-not-traceable',
    source: 'data.c',
    says: 'no-ftrace-location',
    pitfall: 'KLP205',
  },
  'no new function': { ...own, source: 'empty.c', says: 'load-einval', pitfall: 'KLP208' },
  'a function twice': {
    folder: 'KLP207-listed-twice',
    source: 'faulty.c',
    says: 'duplicate-function',
    pitfall: 'KLP207',
  },
  'an object twice': { ...own, source: 'objects.c', says: 'duplicate-function', pitfall: 'KLP207' },
  stripped: {
    folder: 'KLP209-stripped',
    source: 'livepatch.c',
    strip: '--strip-unneeded',
    says: 'kallsyms-size',
    pitfall: 'KLP209',
  },
  'an entry that is taken': {
    folder: 'KLP221-ipmodify-users',
    source: 'faulty.c',
    says: 'ftrace-busy',
    pitfall: 'KLP221',
  },
  'another vermagic': {
    folder: 'KLP224-vermagic-and-versions',
    source: 'faulty.c',
    says: 'vermagic',
    pitfall: 'KLP224',
  },
  'another checksum': {
    folder: 'KLP224-vermagic-and-versions',
    source: 'innocent.c',
    wrongVersion: 'klp_enable_patch',
    says: 'import-version',
    pitfall: 'KLP224',
  },
  'not exported': {
    folder: 'KLP301-unexported-symbol',
    source: 'faulty.c',
    says: 'unknown-symbol',
    pitfall: 'KLP301',
  },
  'a KLP symbol without position': {
    ...calls,
    texts: [['.klp.sym.vmlinux.yield,0', '.klp.sym.vmlinux.yield.0']],
    says: 'klp-symbol-name',
    pitfall: 'KLP302',
  },
  'an undefined KLP symbol': {
    ...calls,
    damage: (ko) => withSymbolIndex(ko, 0),
    says: 'klp-symbol-undefined',
    pitfall: 'KLP302',
  },
  'a KLP symbol in no section': {
    ...calls,
    damage: (ko) => withSymbolIndex(ko, 0xff1f),
    says: 'invalid-section-index',
    pitfall: 'KLP302',
  },
  'an unmarked KLP symbol': {
    ...calls,
    damage: (ko) => withSymbolIndex(ko, 0xfff1),
    says: 'klp-symbol-unmarked',
    pitfall: 'KLP302',
  },
  'a target that is not zero': { ...calls, damage: withTarget, says: 'relocation-not-zero' },
  'a pre_patch that refuses': {
    folder: 'KLP212-pre-patch-failure',
    source: 'faulty.c',
    says: 'pre-patch-failed',
    pitfall: 'KLP212',
  },
  'a symbol of vmlinux for a module': {
    folder: 'KLP303-vmlinux-symbol-in-module-section',
    source: 'livepatch.c',
    placeholders: [
      { symbol: 'line', object: 'vmlinux', name: 'saved_command_line', sympos: 0, patched: 'vmlinux' },
    ],
    texts: [['.klp.rela.vmlinux.', '.klp.rela.overlay.']],
    says: 'klp-object-vmlinux-symbol',
    pitfall: 'KLP303',
  },
  'no function at all': { ...own, source: 'nothing.c', says: 'nothing-patched', pitfall: 'KLP208' },
  'vmlinux by name': {
    folder: 'KLP206-object-never-matches',
    source: 'vmlinux.c',
    says: 'object-not-patched',
    pitfall: 'KLP206',
  },
  'the name of a file': {
    folder: 'KLP206-object-never-matches',
    source: 'faulty.c',
    says: 'object-absent',
    pitfall: 'KLP206',
  },
  'a thread that never leaves': {
    folder: 'KLP402-always-on-a-stack',
    source: 'faulty.c',
    texts: [['poller', 'kswapd']],
    says: 'stuck-transition',
    pitfall: 'KLP402',
  },
  'one shadow variable twice': {
    folder: 'KLP217-shadow-id-collision',
    source: 'faulty.c',
    says: 'shadow-duplicate',
    pitfall: 'KLP217',
  },
  'a KLP section without its flag': {
    ...calls,
    damage: (ko) => withoutFlag(ko, 0x100000),
    says: 'null-call',
    pitfall: 'KLP302',
    check: reads,
  },
  // Those of vmlinux are applied before they would be gone.
  'a KLP section that is not kept': {
    ...own,
    source: 'late.c',
    placeholders: [
      { symbol: 'other', object: 'loop', name: 'loop_attr_do_show_offset', sympos: 0, patched: 'loop' },
    ],
    damage: (ko) => withoutFlag(ko, 2),
    says: 'klp-section-gone',
    pitfall: 'KLP302',
  },
  'a KLP section for another object': {
    ...calls,
    source: 'pointer.c',
    texts: [['.klp.rela.vmlinux.', '.klp.rela.nothing.']],
    says: 'null-call',
    pitfall: 'KLP302',
    check: reads,
  },
};

const offsetOf = { sectionHeaders: 0x28, flags: 8, symbolSection: 6 } as const;
const changed = (ko: Uint8Array, change: (view: DataView) => void): Uint8Array => {
  const bytes = ko.slice();
  change(new DataView(bytes.buffer));
  return bytes;
};

/** The number of the one KLP section. */
function klpSection(ko: Uint8Array): number {
  const index = readElf(ko).sections.findIndex(({ name }) => name.startsWith('.klp.rela.'));
  expect(index).toBeGreaterThan(0);
  return index;
}

function withoutFlag(ko: Uint8Array, flag: number): Uint8Array {
  return changed(ko, (view) => {
    const header = Number(view.getBigUint64(offsetOf.sectionHeaders, true)) + 64 * klpSection(ko);
    const flags = view.getBigUint64(header + offsetOf.flags, true);
    expect(flags & BigInt(flag)).toBe(BigInt(flag));
    view.setBigUint64(header + offsetOf.flags, flags & ~BigInt(flag), true);
  });
}

/** The KLP symbol of the first KLP relocation gets another section index. */
function withSymbolIndex(ko: Uint8Array, index: number): Uint8Array {
  const { sections } = readElf(ko);
  return changed(ko, (view) => {
    const relocation = sections[klpSection(ko)]?.offset ?? 0;
    const symbol = view.getUint32(relocation + 12, true);
    const at = (sections.find(({ name }) => name === '.symtab')?.offset ?? 0) + 24 * symbol;
    expect(view.getUint16(at + offsetOf.symbolSection, true)).toBe(0xff20);
    view.setUint16(at + offsetOf.symbolSection, index, true);
  });
}

/** What the first KLP relocation is to fill is not zero. */
function withTarget(ko: Uint8Array): Uint8Array {
  const { sections } = readElf(ko);
  return changed(ko, (view) => {
    const section = sections[klpSection(ko)];
    const target = sections[section?.info ?? 0];
    const at = (target?.offset ?? 0) + Number(view.getBigUint64(section?.offset ?? 0, true));
    expect(view.getUint32(at, true)).toBe(0);
    view.setUint32(at, 0x2a, true);
  });
}

/** The cases share a few names in their information; in the kernel each has one of its own. */
function unnamed(ko: Uint8Array): Uint8Array {
  const text = Buffer.from(ko).toString('latin1');
  const without = text.replace(/(?<!\w)name=(?=\w+\0)/g, 'mame=');
  expect(without).not.toBe(text);
  return new Uint8Array(Buffer.from(without, 'latin1'));
}

/** A module that no case patches; the maker wants one. */
const target = { name: 'klp_target', main: new URL('cases/target.c', import.meta.url).pathname, parts: [] };

async function proofsOn(kernel: Kernel): Promise<Map<string, LivepatchProof>> {
  const made = await makeLoadable(kernel, Object.values(wrong), target);
  const names = Object.keys(wrong);
  const livepatches = names.map((name, at): LivepatchToProve => {
    const { damage, check } = wrong[name] as Wrong;
    const { ko, name: called } = made[at] as { ko: Uint8Array; name: string };
    const module = unnamed(damage ? damage(ko) : ko);
    const objects = (readLivepatch(ko).patch?.objects ?? []).map(
      ({ isVmlinux, name: object, functions }) => ({
        name: isVmlinux ? 'vmlinux' : object,
        functions: functions.map(({ oldName }) => oldName),
      }),
    );
    return { module, name: called, objects, checks: check === undefined ? [] : [{ command: check }] };
  });
  const { livepatches: proofs } = await proveLivepatch(kernel, { livepatches, jobs: 1 });
  return new Map(proofs.map((proof, at) => [names[at] as string, proof]));
}

describe.each(['debian:6.12.117+deb12-amd64', 'debian:6.1.0-56-amd64'])(
  'on %s, a livepatch that has',
  (id) => {
    let proofs: Map<string, LivepatchProof>;
    beforeAll(async () => {
      proofs = await proofsOn(await addKernel(id));
    });

    it.each(Object.entries(wrong))('%s is recognised and explained', (name, { says, pitfall }) => {
      const proof = proofs.get(name);
      expect(proof?.verdict).toBe('failed');
      const errors = proof?.findings.filter(({ severity }) => severity === 'error') ?? [];
      const found = errors.find((one) => one.id === says);
      expect(errors.map((one) => one.id)).toContain(says);
      expect(found?.next).toBeTruthy();
      if (pitfall !== undefined) expect(found?.next).toContain(`klpkit explain ${pitfall} `);
    });
  },
);

describe('on a kernel that asks for signatures', () => {
  it.each([
    ['module.sig_enforce=1', 'signature', 'EKEYREJECTED'],
    ['lockdown=integrity', 'lockdown', 'EPERM'],
  ])('%s: an unsigned livepatch is refused, and that is explained', async (word, says, errno) => {
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const [made] = await makeLoadable(kernel, [{ folder: 'KLP209-stripped', source: 'livepatch.c' }], target);
    const objects = [{ name: 'vmlinux', functions: ['cmdline_proc_show'] }];
    const { livepatches } = await proveLivepatch(kernel, {
      livepatches: [{ module: made?.ko as Uint8Array, objects }],
      append: [word],
      freshBoot: true,
    });
    const [proof] = livepatches;
    expect(proof?.passes[0]?.steps.at(-1)?.outcome).toBe(errno);
    const [found] = proof?.findings ?? [];
    expect(found).toMatchObject({ id: says, severity: 'error' });
    expect(found?.next).toContain('klpkit explain KLP223 ');
  });
});
