import type { Pitfall } from '../src/pitfall.ts';
import { isX86, producerOf } from '../src/toolchain.ts';

/** Stack alignment that callers leave out. */
export const klp148: Pitfall = {
  id: 'KLP148',
  name: 'ipa-stack-alignment',
  title: 'Stack alignment that callers leave out',
  severity: 'note',
  statement:
    'gcc lets a caller leave the stack unaligned when it sees that the callee does not need the alignment; kernels for x86-64 align to 8 bytes anyway (-mpreferred-stack-boundary=3), so nothing is left out there.',
  seen: 'gcc-12 with user-space flags; no effect with the flags of the kernel',
  safeWay:
    'Nothing has to be done with the flags of the kernel. With others, patch the callers along with the callee.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { elf } = comparison.before;
      const producer = producerOf(elf);
      if (!isX86(elf) || !producer?.startsWith('GNU C')) return;
      // The last one counts; without any it is 4: 16 bytes.
      const boundary = [...producer.matchAll(/-mpreferred-stack-boundary=(\d+)/g)].at(-1)?.[1] ?? '4';
      if (Number(boundary) <= 3 || /-fno-ipa-stack-alignment|-flive-patching/.test(producer)) return;
      yield {
        severity: 'warning',
        what: 'the unit is compiled with a stack that is aligned to more than 8 bytes',
        why: 'callers leave the stack unaligned where the old callee did not need it, and the new one may; kernels for x86-64 have -mpreferred-stack-boundary=3, which rules that out',
        next: 'compile with the flags of the kernel',
        evidence: ['DW_AT_producer of the before object'],
      };
    },
  },
};
