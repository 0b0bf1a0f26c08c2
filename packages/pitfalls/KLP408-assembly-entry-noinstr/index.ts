import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** Linker symbols around code that must not be diverted: include/asm-generic/vmlinux.lds.h, arch/x86/kernel/vmlinux.lds.S. */
const ranges = [
  ['__noinstr_text_start', '__noinstr_text_end', 'noinstr code'],
  ['__entry_text_start', '__entry_text_end', 'entry code'],
  ['__cpuidle_text_start', '__cpuidle_text_end', 'code of the idle loop'],
  ['__kprobes_text_start', '__kprobes_text_end', 'code that probes must not touch'],
] as const;

/** Assembly, entry and noinstr code. */
export const klp408: Pitfall = {
  id: 'KLP408',
  name: 'assembly-entry-noinstr',
  title: 'Assembly, entry and noinstr code',
  severity: 'error',
  statement:
    'Assembly has no ftrace entry, code of the entry and noinstr sections runs where tracing and unwinding are not possible, and the vDSO and boot code are copies that no livepatch reaches.',
  seen: 'by the kernel source of 6.1 and 6.12; assembly without __fentry__ with gcc-12',
  safeWay: 'Fix the callers, rewrite data from a callback, or reboot into a fixed kernel.',
  foundBy: ['read', 'extract'],
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      const address = (name: string) => kernel?.symbols('vmlinux', name)?.[0]?.address;
      for (const { object, oldName, sympos } of replacements(livepatch)) {
        if (object !== 'vmlinux') continue;
        const found = kernel?.symbols(object, oldName)?.[Math.max(1, sympos) - 1];
        if (!found) continue;
        const range = ranges.find(([first, last]) => {
          const [start, end] = [address(first), address(last)];
          return start !== undefined && end !== undefined && start <= found.address && found.address < end;
        });
        if (!range) continue;
        yield {
          what: `${oldName} is ${range[2]}, between ${range[0]} and ${range[1]}`,
          why: 'ftrace does not divert such code, and a stack that goes through it cannot be relied on',
          next: 'fix its callers instead',
          evidence: ['symbols of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
