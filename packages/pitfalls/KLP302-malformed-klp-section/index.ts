import type { Pitfall } from '../src/pitfall.ts';

/** A KLP section or symbol that is not in the form the kernel reads. */
export const klp302: Pitfall = {
  id: 'KLP302',
  name: 'malformed-klp-section',
  title: 'A KLP section or symbol is malformed, or was never converted',
  severity: 'error',
  statement:
    'A section .klp.rela.OBJECT.SECTION must be of type RELA with the flags ALLOC and RELA_LIVEPATCH, and each symbol that it uses .klp.sym.OBJECT.NAME,POSITION with the index SHN_LIVEPATCH; some mistakes are refused, others leave an address 0 behind.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL for symbols; an unconverted weak symbol loads and is NULL',
  safeWay: 'Let a tool write them, and check the finished module: strip and objcopy may damage it.',
  foundBy: ['rules', 'finish'],
};
