import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { refusedWrites, silentFaults } from './faults/without-words.ts';
import { explainErrno, explainLine, explainRefusal, faults } from './faults.ts';

/** What the kernel says for each fault, and what must come out of it. */
const examples: Readonly<Record<string, readonly [line: string, what: string]>> = {
  'symbol-not-found': [
    "livepatch: symbol 'cmdline_proc_shaw' not found in symbol table",
    "the kernel has no symbol 'cmdline_proc_shaw' that the livepatch names",
  ],
  'symbol-ambiguous': [
    "livepatch: unresolvable ambiguity for symbol 'type_show' in object '(null)'",
    "several symbols are called 'type_show', and the livepatch does not say which",
  ],
  'sympos-too-large': [
    "livepatch: symbol position 99 for symbol 'a' in object 'vmlinux' not found",
    "there is no 99th symbol 'a' in vmlinux",
  ],
  'no-ftrace-location': [
    "livepatch: failed to find location for function 'start_kernel'",
    "the function 'start_kernel' has no place where ftrace can redirect it",
  ],
  'klp-object-vmlinux-symbol': [
    "livepatch: invalid access to vmlinux symbol 'x' from module-specific livepatch relocation section",
    "a relocation section of a module refers to 'x' of vmlinux",
  ],
  'klp-symbol-unmarked': [
    'livepatch: symbol printk is not marked as a livepatch symbol',
    'a livepatch relocation refers to the ordinary symbol printk',
  ],
  'klp-symbol-name': [
    'livepatch: symbol .klp.sym.vmlinux.x has an incorrectly formatted name',
    'the livepatch name .klp.sym.vmlinux.x is malformed',
  ],
  'relocation-not-zero': [
    'x86/modules: Skipping invalid relocation target, existing value is nonzero for type 1, loc 0, val 0',
    'the bytes that a relocation is to fill are not zero',
  ],
  'kallsyms-size': [
    "livepatch: kallsyms size lookup failed for 'F' replacement",
    "the livepatch's own symbol table lacks its function for 'F'",
  ],
  'not-a-livepatch': [
    'livepatch: module M is not marked as a livepatch module',
    'the module M enables a livepatch but is not marked as one',
  ],
  'duplicate-function': [
    "sysfs: cannot create duplicate filename '/kernel/livepatch/M/vmlinux/F,1'",
    'the livepatch lists the same function or object twice: M/vmlinux/F,1',
  ],
  'pre-patch-failed': [
    "livepatch: pre-patch callback failed for object 'vmlinux'",
    "the livepatch's own pre_patch callback refused for vmlinux",
  ],
  'ftrace-busy': [
    "livepatch: failed to register ftrace handler for function 'X' (-16)",
    "ftrace refused to redirect 'X'",
  ],
  'states-incompatible': [
    'livepatch: Livepatch patch (M) is not compatible with the already installed livepatches.',
    'the states of M are not compatible with those of a livepatch that is installed',
  ],
  'target-refused': [
    "livepatch: patch 'M' failed for module 'T', refusing to load module 'T'",
    "while the livepatch 'M' is there, the kernel refuses to load the module T",
  ],
  'import-version': [
    'M: disagrees about version of symbol module_layout',
    'the livepatch was built against another version of module_layout',
  ],
  'klp-symbol-undefined': [
    'M: Unknown symbol .klp.sym.vmlinux.x,0 (err -2)',
    'the livepatch symbol .klp.sym.vmlinux.x,0 is an ordinary undefined symbol in M',
  ],
  'unknown-symbol': [
    'M: Unknown symbol filldir64 (err -2)',
    'M needs filldir64, which this kernel does not export',
  ],
  vermagic: ["M: version magic 'A ' should be 'B '", "M was built for 'A ', the kernel is 'B '"],
  'module-struct-size': [
    "module M: .gnu.linkonce.this_module section size must match the kernel's built struct module size at run time",
    'the livepatch was built for a kernel with another struct module',
  ],
  'invalid-section-index': [
    'M: Symbol S has an invalid section index 65311 (max 40)',
    'the symbol S has the section index 65311, which no section has',
  ],
  'damaged-module': ['Invalid ELF section header overflow', 'the module file is damaged or cut short'],
  signature: [
    'Loading of unsigned module is rejected',
    'the kernel takes only modules that are signed with a key it knows',
  ],
  lockdown: [
    'Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7',
    'lockdown forbids unsigned modules',
  ],
  'emulator-double-fault': ['traps: PANIC: double fault, error_code: 0x0', 'the guest took a double fault'],
  'null-call': ['RIP: 0010:0x0', 'the kernel jumped to address 0'],
  'klp-section-gone': [
    'RIP: 0010:__write_relocate_add+0x9c/0x220',
    'the kernel faulted while it applied the relocations of the livepatch',
  ],
  'null-pointer': [
    'BUG: kernel NULL pointer dereference, address: 0000000000000010',
    'oops: the kernel followed a null pointer (address 0000000000000010)',
  ],
  'page-fault': [
    'BUG: unable to handle page fault for address: ffffffffc0401000',
    'oops: the kernel could not handle page fault for address: ffffffffc0401000',
  ],
  'soft-lockup': [
    'watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:130]',
    'the task init:130 has held the processor in the kernel for 26s',
  ],
  'shadow-duplicate': [
    'Duplicate shadow variable <00000000f0f0f0f0, 1234>',
    'klp_shadow_alloc() met a shadow variable that is there already: <00000000f0f0f0f0, 1234>',
  ],
  'shadow-constructor': [
    'Failed to construct shadow variable <00000000f0f0f0f0, 1234> (-12)',
    'the constructor of a shadow variable failed: <00000000f0f0f0f0, 1234> (-12)',
  ],
  'no-reliable-stacks': [
    "livepatch: This architecture doesn't have support for the livepatch consistency model.",
    'the kernel cannot check stacks: a transition ends when every task has left the kernel by itself',
  ],
  'sleeping-in-atomic': [
    'BUG: sleeping function called from invalid context at mm/x.c:1',
    'sleeping function called from invalid context',
  ],
  kasan: ['BUG: KASAN: slab-use-after-free in f+0x1/0x2', 'KASAN found slab-use-after-free in f+0x1/0x2'],
  bug: ['BUG: Bad page state in process sh', 'the kernel reports a bug: Bad page state in process sh'],
  'kernel-bug': ['kernel BUG at mm/slub.c:12!', 'the kernel came upon BUG() at mm/slub.c:12'],
  'general-protection': [
    'Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP',
    'oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP',
  ],
  'invalid-opcode': [
    'Oops: invalid opcode: 0000 [#1] PREEMPT SMP',
    'the processor came upon an invalid instruction (0000 [#1] PREEMPT SMP)',
  ],
  'missing-endbr': [
    'Missing ENDBR: f+0x0/0x10 [M]',
    'an indirect call reached f+0x0/0x10 [M], which does not begin with ENDBR',
  ],
  'jump-label': [
    'jump_label: Fatal kernel bug, unexpected op at f+0x5/0x10 [00000000] (90 90 90 90 90 != 0f 1f 44 00 00)) size:5 type:1',
    'a static key did not find the instruction that it expected at f+0x5/0x10',
  ],
  'unpatched-return-thunk': [
    'Unpatched return thunk in use. This should not happen!',
    'a function returns through a thunk that was never patched',
  ],
  'unreliable-stack': [
    'livepatch: klp_check_stack: sh:130 has an unreliable stack',
    'the stack of sh:130 cannot be unwound reliably',
  ],
  warning: [
    'WARNING: CPU: 0 PID: 133 at fs/x.c:5 f+0x26/0x30 [M]',
    'the kernel warned: CPU: 0 PID: 133 at fs/x.c:5 f+0x26/0x30 [M]',
  ],
  ubsan: [
    'UBSAN: array-index-out-of-bounds in fs/x.c:5:3',
    'UBSAN found array-index-out-of-bounds in fs/x.c:5:3',
  ],
  'hung-task': [
    'INFO: task sh:130 blocked for more than 120 seconds.',
    'the task sh:130 has been blocked for 120 s',
  ],
  'rcu-stall': [
    'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'RCU stalled: a processor did not leave the kernel for too long',
  ],
  'module-relocation': [
    'x86/modules: overflow in relocation type 10 val ffff888000000000',
    'a relocation of a module could not be applied: overflow in relocation type 10 val ffff888000000000',
  ],
  alternatives: [
    "static_call: can't patch static call site at f+0x1/0x2",
    "the code patching of the kernel complains: can't patch static call site at f+0x1/0x2",
  ],
  'livepatch-error': ["livepatch: failed to enable patch 'M'", "livepatch: failed to enable patch 'M'"],
  'call-trace': ['Call Trace:', 'the kernel printed a stack trace'],
  panic: ['Kernel panic - not syncing: Fatal exception', 'the kernel panicked: Fatal exception'],
  'failed-to': ['nbd: Failed to register', 'the kernel says: nbd: Failed to register'],
};

describe('the fault catalogue', () => {
  it('has an example for every fault that the log shows, and no id twice', () => {
    const ids = faults.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(examples).sort()).toEqual([...ids].sort());
  });

  it.each(Object.entries(examples))(
    'knows %s by its line, with and without timestamp',
    (id, [line, what]) => {
      expect(explainLine(line)).toMatchObject({ id, what });
      expect(explainLine(`[    4.587625] ${line}`)).toMatchObject({ id, what });
      expect(explainLine(`[    4.587625][  T130] ${line}`)?.id).toBe(id);
    },
  );

  it.each([
    "livepatch: enabling patch 'good'",
    "livepatch: 'good': starting patching transition",
    "livepatch: 'good': patching complete",
    "livepatch: 'good': unpatching complete",
    'good: loading out-of-tree module taints kernel.',
    'good: tainting kernel with TAINT_LIVEPATCH',
    'good: module verification failed: signature and/or required key missing - tainting kernel',
    'loop: module loaded',
    'livepatch: signaling remaining tasks',
    "livepatch: applying patch 'good' to loading module 'loop'",
    "livepatch: reverting patch 'good' on unloading module 'loop'",
    'clocksource: Switched to clocksource tsc',
  ])('says nothing of %s', (line) => {
    expect(explainLine(line)).toBeUndefined();
  });

  it('leaves no placeholder unfilled and no sentence empty', () => {
    for (const [line] of Object.values(examples)) {
      const fault = explainLine(line);
      for (const text of [fault?.what, fault?.why ?? '-', fault?.next]) expect(text).toMatch(/^[^{}]+$/);
    }
  });

  it('explains an errno without a message, and knows when it cannot', () => {
    expect(explainErrno('EEXIST')?.what).toBe('a module of that name is loaded already');
    expect(explainErrno('ENOMEM')).toBeUndefined();
    expect(new Set(silentFaults.map(({ errno }) => errno)).size).toBe(silentFaults.length);
  });

  it('names pitfalls that there are', () => {
    const folder = new URL('../../../pitfalls', import.meta.url);
    const pitfalls = new Set(readdirSync(folder).map((name) => name.slice(0, 6)));
    const named = [...faults, ...silentFaults, ...Object.values(refusedWrites)].flatMap(
      ({ pitfall }) => pitfall ?? [],
    );
    expect(named.length).toBeGreaterThan(30);
    for (const pitfall of named) expect(pitfalls).toContain(pitfall);
    const [line] = examples['symbol-not-found'] ?? [''];
    expect(explainLine(line)).toMatchObject({
      pitfall: 'KLP203',
      next: expect.stringMatching(/; klpkit explain KLP203 /),
    });
    expect(explainLine('Call Trace:')).not.toHaveProperty('pitfall');
  });

  it('explains a refused write by the file', () => {
    expect(explainRefusal('enabled', 'EINVAL')?.pitfall).toBe('KLP214');
    expect(explainRefusal('force', 'EINVAL')?.pitfall).toBe('KLP215');
    expect(explainRefusal('unload', 'EAGAIN')?.what).toBe('the livepatch is enabled or in transition');
    expect(explainRefusal('force', 'EBUSY')).toBeUndefined();
  });
});
