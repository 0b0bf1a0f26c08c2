import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** `__x64_sys_openat` of x86, `__se_sys_openat` and `__do_sys_openat` of all: arch/x86/include/asm/syscall_wrapper.h. */
const wrapper =
  /^__(x64|ia32|ia32_compat|x64_compat|arm64|s390x|s390|riscv|powerpc|se|do|se_compat|do_compat)_sys_(\w+)$/;

/** System call wrappers. */
export const klp409: Pitfall = {
  id: 'KLP409',
  name: 'syscall-wrappers',
  title: 'The body of a system call is in several functions',
  severity: 'error',
  statement:
    'SYSCALL_DEFINEn() makes several functions of one body: __do_sys_x is inline and has no ftrace entry, and each entry point (__x64_sys_x, __ia32_sys_x) may hold a copy of its own; a livepatch of one leaves the others as they are.',
  seen: 'Linux 6.1 and 6.12 for amd64',
  safeWay: 'Replace every entry point that holds a copy; klpkit build finds them by comparing the objects.',
  unit: {
    needs: [],
    *find(evidence) {
      const calls = new Map<string, string[]>();
      for (const { after } of changedFunctions(evidence)) {
        const name = wrapper.exec(after.name.split('.')[0])?.[2];
        if (name === undefined) continue;
        const known = calls.get(name);
        if (known) known.push(after.name);
        else calls.set(name, [after.name]);
      }
      for (const [name, functions] of calls)
        yield {
          severity: 'note',
          what: `the system call ${name} is ${list(unique(functions))} in the object`,
          why: 'its body was put into each of them; all that changed are in the livepatch',
          next: `test both ways in: 64-bit and 32-bit programs, where the kernel has both`,
          evidence: ['comparison of the objects'],
          at: { symbol: functions[0] },
        };
    },
  },
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      const all = replacements(livepatch).filter(({ object }) => object === 'vmlinux');
      const replaced = new Set(all.map(({ oldName }) => oldName));
      for (const { oldName } of all) {
        const found = wrapper.exec(oldName);
        if (!found || !kernel) continue;
        const siblings = ['x64', 'ia32']
          .map((kind) => `__${kind}_sys_${found[2]}`)
          .filter((name) => (kernel.symbols('vmlinux', name)?.length ?? 0) > 0);
        if (siblings.length < 2 || !siblings.includes(oldName)) continue;
        const left = siblings.filter(
          (name) =>
            !replaced.has(name) &&
            // An entry point that calls a common body, which is replaced, has no copy.
            !(kernel.calls('vmlinux', name, 0) ?? []).some((callee) => replaced.has(callee)),
        );
        if (left.length === 0) continue;
        yield {
          certainty: 'likely',
          what: `${oldName} is replaced, ${list(left)} is not`,
          why: 'each entry point holds its own copy of the body of the system call: programs that come in the other way run the old code',
          next: `replace ${list(left)} as well`,
          evidence: ['symbols and code of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
