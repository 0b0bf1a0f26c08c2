import { EM } from '@klpkit/formats';
import { externalsOf, livepatched } from '../src/code.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';

/** Atomic operations as calls into libgcc (arm64). */
export const klp136: Pitfall = {
  id: 'KLP136',
  name: 'outline-atomics',
  title: 'Atomic operations as calls into libgcc (arm64)',
  severity: 'error',
  statement:
    'Compilers for arm64 make calls of __aarch64_ldadd4_acq_rel and its like out of atomic operations unless -mno-outline-atomics is given; the kernel has no such functions, and the livepatch does not load.',
  seen: 'aarch64 gcc-12, clang-19 for aarch64-linux-gnu',
  safeWay: 'Compile with the flags of the kernel, which has -mno-outline-atomics in arch/arm64/Makefile.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after } = comparison;
      if (after.arch.machine !== EM.AARCH64) return;
      for (const piece of livepatched(comparison))
        for (const name of [...externalsOf(after, piece)].sort())
          if (helper.test(name)) yield { ...missing(name), at: { symbol: piece.name } };
    },
  },
  livepatch: {
    needs: [],
    *find({ livepatch }) {
      for (const { name } of livepatch.undefinedSymbols)
        if (helper.test(name)) yield { ...missing(name), at: { symbol: name } };
    },
  },
};

/** libgcc, config/aarch64/lse.S: operation, bytes, order. */
const helper = /^__aarch64_(cas|swp|ldadd|ldclr|ldeor|ldset)(1|2|4|8|16)_(relax|acq|rel|acq_rel|sync)$/;

function missing(name: string): Observation {
  return {
    what: `an atomic operation became a call of ${name}`,
    why: 'that is a function of libgcc, which the kernel is not linked with: the module loader refuses the livepatch for an unknown symbol',
    next: 'compile with -mno-outline-atomics, as the kernel itself',
    evidence: ['undefined symbols of the object'],
  };
}
