import type { Severity } from '@klpkit/findings';

/**
 * One known way in which a livepatch fails, as data. `what` and `next` may name the pattern's groups: `{symbol}`.
 *
 * A fault is known by a line of the kernel's log (`pattern`), or, where the kernel says nothing, by the errno of a step.
 */
export interface Fault {
  readonly id: string;
  readonly severity: Severity;
  /** Matches one message of the kernel's log, without timestamp. */
  readonly pattern?: RegExp;
  /** What the load returns with it; without a pattern it is what the fault is known by. */
  readonly errno?: string;
  readonly what: string;
  readonly why?: string;
  readonly next: string;
}

/** The pitfall behind a fault, where the catalogue has one; by the fault's id. */
export const faultPitfalls: Readonly<Record<string, string>> = {
  'symbol-not-found': 'KLP203',
  'symbol-ambiguous': 'KLP204',
  'sympos-too-large': 'KLP204',
  'no-ftrace-location': 'KLP205',
  'klp-object-vmlinux-symbol': 'KLP303',
  'klp-symbol-unmarked': 'KLP302',
  'klp-symbol-undefined': 'KLP302',
  'klp-symbol-name': 'KLP302',
  'invalid-section-index': 'KLP302',
  'null-call': 'KLP302',
  'klp-section-gone': 'KLP302',
  'kallsyms-size': 'KLP209',
  'not-a-livepatch': 'KLP201',
  'duplicate-function': 'KLP207',
  'pre-patch-failed': 'KLP212',
  'ftrace-busy': 'KLP221',
  'states-incompatible': 'KLP216',
  'import-version': 'KLP224',
  vermagic: 'KLP224',
  'module-struct-size': 'KLP224',
  'unknown-symbol': 'KLP301',
  signature: 'KLP223',
  lockdown: 'KLP223',
  'shadow-duplicate': 'KLP217',
  'shadow-constructor': 'KLP218',
  'no-reliable-stacks': 'KLP412',
  'jump-label': 'KLP310',
  'load-einval': 'KLP208',
  'load-ebusy': 'KLP210',
  'load-enoexec': 'KLP224',
  'load-eperm': 'KLP223',
  'load-ekeyrejected': 'KLP223',
  'write-enabled-einval': 'KLP214',
  'write-enabled-ebusy': 'KLP210',
  'write-force-einval': 'KLP215',
};

/** Errors that the kernel answers with, by number (include/uapi/asm-generic/errno-base.h, errno.h). */
export const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  5: 'EIO',
  6: 'ENXIO',
  8: 'ENOEXEC',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  28: 'ENOSPC',
  34: 'ERANGE',
  38: 'ENOSYS',
  71: 'EPROTO',
  74: 'EBADMSG',
  95: 'EOPNOTSUPP',
  110: 'ETIMEDOUT',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  129: 'EKEYREJECTED',
  524: 'ENOTSUPP',
};

/** `EINVAL` for 22; `errno 200` for what has no name here. */
export function errnoName(errno: number): string {
  return errnoNames[errno] ?? `errno ${errno}`;
}

const rebuild = 'rebuild the livepatch for exactly this kernel';

/** The known faults, the special before the general: the first that matches a line explains it. */
export const faults: readonly Fault[] = [
  {
    id: 'symbol-not-found',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: symbol '(?<symbol>.*)' not found in symbol table/,
    what: "the kernel has no symbol '{symbol}' that the livepatch names",
    why: 'the name is looked up in the table of the kernel or of the loaded module; inlined functions are not in it, and the compiler renames clones (.isra, .constprop, .part, .cold)',
    next: 'look the name up in the target with its suffix, and check which object it belongs to',
  },
  {
    id: 'symbol-ambiguous',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: unresolvable ambiguity for symbol '(?<symbol>.*)' in object '(?<object>.*)'/,
    what: "several symbols are called '{symbol}', and the livepatch does not say which",
    next: 'give old_sympos: the place among the symbols of that name, counted from 1 by address',
  },
  {
    id: 'sympos-too-large',
    severity: 'error',
    errno: 'EINVAL',
    pattern:
      /^livepatch: symbol position (?<pos>\d+) for symbol '(?<symbol>.*)' in object '(?<object>.*)' not found/,
    what: "there is no {pos}th symbol '{symbol}' in {object}",
    next: 'count the symbols of that name in this very kernel; the count differs between builds',
  },
  {
    id: 'no-ftrace-location',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: failed to find location for function '(?<symbol>.*)'/,
    what: "the function '{symbol}' has no place where ftrace can redirect it",
    why: 'functions that are notrace, __init, or written in assembly, and data, have no call to __fentry__',
    next: 'patch the callers of the function instead',
  },
  {
    id: 'klp-object-vmlinux-symbol',
    severity: 'error',
    errno: 'EINVAL',
    pattern:
      /^livepatch: invalid access to vmlinux symbol '(?<symbol>.*)' from module-specific livepatch relocation section/,
    what: "a relocation section of a module refers to '{symbol}' of vmlinux",
    next: 'put relocations against vmlinux into .klp.rela.vmlinux.*; klpkit convert does',
  },
  {
    id: 'klp-symbol-unmarked',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: symbol (?<symbol>.*) is not marked as a livepatch symbol/,
    what: 'a livepatch relocation refers to the ordinary symbol {symbol}',
    next: 'convert the module again, from what it was before: klpkit convert',
  },
  {
    id: 'klp-symbol-name',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: (?:symbol|section) (?<symbol>.*) has an incorrectly formatted name/,
    what: 'the livepatch name {symbol} is malformed',
    next: 'a symbol is .klp.sym.OBJECT.NAME,POSITION and a section .klp.rela.OBJECT.SECTION; klpkit convert writes both',
  },
  {
    id: 'relocation-not-zero',
    severity: 'error',
    errno: 'ENOEXEC',
    pattern: /(?:Skipping invalid|Invalid) relocation target, existing value is nonzero/,
    what: 'the bytes that a relocation is to fill are not zero',
    why: 'kernels before 6.2 or so do not clear KLP relocations when their target module is unloaded, and refuse it at its next load; else the livepatch was written so',
    next: 'on an old kernel do not unload the target while the livepatch is there; else rebuild the livepatch',
  },
  {
    id: 'kallsyms-size',
    severity: 'error',
    errno: 'ENOENT',
    pattern: /^livepatch: kallsyms size lookup failed for '(?<symbol>.*)' replacement/,
    what: "the livepatch's own symbol table lacks its function for '{symbol}'",
    why: 'the module was stripped of more than debug information',
    next: 'strip with -g only',
  },
  {
    id: 'not-a-livepatch',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: module (?<module>\S+) is not marked as a livepatch module/,
    what: 'the module {module} enables a livepatch but is not marked as one',
    next: 'add MODULE_INFO(livepatch, "Y")',
  },
  {
    id: 'duplicate-function',
    severity: 'error',
    errno: 'EEXIST',
    pattern: /^sysfs: cannot create duplicate filename '\/kernel\/livepatch\/(?<path>[^']*)'/,
    what: 'the livepatch lists the same function or object twice: {path}',
    next: 'merge the two entries',
  },
  {
    id: 'pre-patch-failed',
    severity: 'error',
    pattern: /^livepatch: pre-patch callback failed for object '(?<object>.*)'/,
    what: "the livepatch's own pre_patch callback refused for {object}",
    next: 'see what the callback checks; its errno is what the load returned',
  },
  {
    id: 'ftrace-busy',
    severity: 'error',
    errno: 'EBUSY',
    pattern: /^livepatch: failed to register ftrace handler for function '(?<symbol>.*)' \((?<errno>-?\d+)\)/,
    what: "ftrace refused to redirect '{symbol}'",
    why: 'ftrace is switched off, or another user (a kprobe with a post handler, another livepatch mechanism) holds the entry',
    next: 'set kernel.ftrace_enabled=1 and remove the other user',
  },
  {
    id: 'states-incompatible',
    severity: 'error',
    errno: 'EINVAL',
    pattern:
      /^livepatch: Livepatch patch \((?<module>.*)\) is not compatible with the already installed livepatches/,
    what: 'the states of {module} are not compatible with those of a livepatch that is installed',
    next: 'give the states that the installed one has, in the same or a newer version',
  },
  {
    id: 'target-refused',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^livepatch: patch '(?<patch>.*)' failed for module '(?<module>.*)', refusing to load module/,
    what: "while the livepatch '{patch}' is there, the kernel refuses to load the module {module}",
    why: 'what the livepatch says of the module is only checked when the module comes; a wrong name or relocation then costs the module',
    next: 'the line before it in the log says which name or relocation is wrong',
  },
  {
    id: 'import-version',
    severity: 'error',
    errno: 'EINVAL',
    pattern: /^(?<module>\S+): disagrees about version of symbol (?<symbol>\S+)/,
    what: 'the livepatch was built against another version of {symbol}',
    next: rebuild,
  },
  {
    id: 'klp-symbol-undefined',
    severity: 'error',
    errno: 'ENOENT',
    pattern: /^(?<module>\S+): Unknown symbol (?<symbol>\.klp\.sym\.\S+) \(err -2\)/,
    what: 'the livepatch symbol {symbol} is an ordinary undefined symbol in {module}',
    why: 'its section index is 0: no KLP relocation stands for it',
    next: 'convert the module again, from what it was before: klpkit convert marks livepatch symbols with the section index 0xff20',
  },
  {
    id: 'unknown-symbol',
    severity: 'error',
    errno: 'ENOENT',
    pattern: /^(?<module>\S+): Unknown symbol (?<symbol>\S+) \(err -2\)/,
    what: '{module} needs {symbol}, which this kernel does not export',
    next: 'reach the symbol by a KLP relocation; klpkit convert makes them',
  },
  {
    id: 'vermagic',
    severity: 'error',
    errno: 'ENOEXEC',
    pattern: /^(?<module>\S+): version magic '(?<found>.*)' should be '(?<expected>.*)'/,
    what: "{module} was built for '{found}', the kernel is '{expected}'",
    next: rebuild,
  },
  {
    id: 'module-struct-size',
    severity: 'error',
    errno: 'ENOEXEC',
    pattern: /\.gnu\.linkonce\.this_module section size must match the kernel's built struct module size/,
    what: 'the livepatch was built for a kernel with another struct module',
    next: rebuild,
  },
  {
    id: 'invalid-section-index',
    severity: 'error',
    errno: 'ENOEXEC',
    pattern: /^(?<module>\S+): Symbol (?<symbol>\S+) has an invalid section index (?<index>\d+)/,
    what: 'the symbol {symbol} has the section index {index}, which no section has',
    next: 'convert the module again, from what it was before: klpkit convert marks livepatch symbols with the section index 0xff20',
  },
  {
    id: 'damaged-module',
    severity: 'error',
    errno: 'ENOEXEC',
    pattern: /Invalid ELF (?:section )?header (?:overflow|magic)/,
    what: 'the module file is damaged or cut short',
    next: 'build it again',
  },
  {
    id: 'signature',
    severity: 'error',
    errno: 'EKEYREJECTED',
    pattern:
      /^Loading of (?:unsigned module|module with unsupported crypto|module with unavailable key) is rejected/,
    what: 'the kernel takes only modules that are signed with a key it knows',
    next: 'sign the module: klpkit sign',
  },
  {
    id: 'lockdown',
    severity: 'error',
    errno: 'EPERM',
    pattern: /^Lockdown: .*unsigned module loading is restricted/,
    what: 'lockdown forbids unsigned modules',
    next: 'sign the module: klpkit sign',
  },
  {
    id: 'emulator-double-fault',
    severity: 'error',
    pattern: /PANIC: double fault, error_code: 0x0/,
    what: 'the guest took a double fault',
    why: 'right after a cmpxchg16b in the slab allocator this is a known defect of the emulator, not of the livepatch',
    next: 'run the proof again',
  },
  {
    id: 'null-call',
    severity: 'error',
    pattern: /\bRIP: 0010:0x0\b/,
    what: 'the kernel jumped to address 0',
    why: 'a KLP relocation was never applied: its section lacks SHF_RELA_LIVEPATCH, or its object has no entry in the livepatch',
    next: 'look at the relocation sections with klpkit show and klpkit check, or convert the module again with klpkit convert',
  },
  {
    id: 'klp-section-gone',
    severity: 'error',
    pattern: /\bRIP: 0010:(?:__write_relocate_add|apply_relocate_add|klp_resolve_symbols)\b/,
    what: 'the kernel faulted while it applied the relocations of the livepatch',
    why: 'a .klp.rela section without SHF_ALLOC is freed before it is used',
    next: 'convert the module again, from what it was before: klpkit convert',
  },
  {
    id: 'null-pointer',
    severity: 'error',
    pattern: /^BUG: kernel NULL pointer dereference, address: (?<address>[0-9a-f]+)/,
    what: 'oops: the kernel followed a null pointer (address {address})',
    next: 'RIP and Call Trace in the log say where; a function of the livepatch carries its name in brackets',
  },
  {
    id: 'page-fault',
    severity: 'error',
    pattern: /^BUG: unable to handle (?<kind>.*)/,
    what: 'oops: the kernel could not handle {kind}',
    next: 'RIP and Call Trace in the log say where',
  },
  {
    id: 'soft-lockup',
    severity: 'error',
    pattern: /BUG: soft lockup - CPU#(?<cpu>\d+) stuck for (?<time>\S+?)! \[(?<task>[^\]]*)\]/,
    what: 'the task {task} has held the processor in the kernel for {time}',
    next: 'look for a loop without an end at RIP in the log',
  },
  {
    id: 'shadow-duplicate',
    severity: 'error',
    pattern: /^Duplicate shadow variable <(?<key>.*)>/,
    what: 'klp_shadow_alloc() met a shadow variable that is there already: <{key}>',
    why: 'ids are shared by all livepatches of the system',
    next: 'take another id, or klp_shadow_get_or_alloc() where it may be there',
  },
  {
    id: 'shadow-constructor',
    severity: 'error',
    pattern: /^Failed to construct shadow variable <(?<key>.*)> \((?<errno>-?\d+)\)/,
    what: 'the constructor of a shadow variable failed: <{key}> ({errno})',
    next: 'see what the constructor does; it runs under a spinlock and must not sleep',
  },
  {
    id: 'no-reliable-stacks',
    severity: 'warning',
    pattern: /^livepatch: This architecture doesn't have support for the livepatch consistency model/,
    what: 'the kernel cannot check stacks: a transition ends when every task has left the kernel by itself',
    next: 'prepare for transitions that do not end, or livepatch a kernel that has reliable stack traces',
  },
  {
    id: 'sleeping-in-atomic',
    severity: 'error',
    pattern: /^BUG: (?<what>sleeping function called from invalid context|scheduling while atomic).*/,
    what: '{what}',
    next: 'Call Trace in the log says who',
  },
  {
    id: 'kasan',
    severity: 'error',
    pattern: /^BUG: (?<tool>KASAN|KFENCE|KCSAN|KMSAN): (?<kind>.*)/,
    what: '{tool} found {kind}',
    next: 'the report in the log has the access and the allocation',
  },
  {
    id: 'bug',
    severity: 'error',
    pattern: /^BUG: (?<what>.*)/,
    what: 'the kernel reports a bug: {what}',
    next: 'the lines after it in the log say where',
  },
  {
    id: 'kernel-bug',
    severity: 'error',
    pattern: /^kernel BUG at (?<place>\S+?)!?$/,
    what: 'the kernel came upon BUG() at {place}',
    next: 'the condition there does not hold in the patched kernel',
  },
  {
    id: 'general-protection',
    severity: 'error',
    pattern: /^(?:Oops: )?general protection fault(?<rest>.*)/,
    what: 'oops: general protection fault{rest}',
    next: 'RIP and Call Trace in the log say where; a wild pointer is the usual cause',
  },
  {
    id: 'invalid-opcode',
    severity: 'error',
    pattern: /^(?:Oops: )?invalid opcode: (?<rest>.*)/,
    what: 'the processor came upon an invalid instruction ({rest})',
    next: 'BUG() and objtool-less code are the usual causes; RIP in the log says where',
  },
  {
    id: 'missing-endbr',
    severity: 'error',
    pattern: /^Missing ENDBR: (?<place>.*)/,
    what: 'an indirect call reached {place}, which does not begin with ENDBR',
    next: 'have objtool finish the module with --ibt, and compile with the flags of the kernel',
  },
  {
    id: 'jump-label',
    severity: 'error',
    pattern: /^jump_label: Fatal kernel bug, unexpected op at (?<place>\S+)/,
    what: 'a static key did not find the instruction that it expected at {place}',
    next: "the livepatch's __jump_table does not fit its code: rebuild it",
  },
  {
    id: 'unpatched-return-thunk',
    severity: 'error',
    pattern: /^Unpatched return thunk in use/,
    what: 'a function returns through a thunk that was never patched',
    next: 'have objtool finish the module with --rethunk, so that .return_sites is there',
  },
  {
    id: 'unreliable-stack',
    severity: 'error',
    pattern: /(?<task>\S+) has an unreliable stack/,
    what: 'the stack of {task} cannot be unwound reliably',
    next: 'the code on that stack lacks ORC data: have objtool finish the module with --orc',
  },
  {
    id: 'warning',
    severity: 'error',
    pattern: /^WARNING: (?<place>.*)/,
    what: 'the kernel warned: {place}',
    next: 'the Call Trace after it in the log says who; find out whether the kernel without the livepatch warns as well',
  },
  {
    id: 'ubsan',
    severity: 'error',
    pattern: /^UBSAN: (?<kind>.*)/,
    what: 'UBSAN found {kind}',
    next: 'the report in the log says where',
  },
  {
    id: 'hung-task',
    severity: 'error',
    pattern: /^INFO: task (?<task>\S+) blocked for more than (?<time>\d+) seconds/,
    what: 'the task {task} has been blocked for {time} s',
    next: 'its stack in the log says what it waits for',
  },
  {
    id: 'rcu-stall',
    severity: 'error',
    pattern: /(?:rcu: )?INFO: rcu_\S+ (?:self-)?detected (?:expedited )?stalls?/,
    what: 'RCU stalled: a processor did not leave the kernel for too long',
    next: 'look for a loop without an end in the trace after it',
  },
  {
    id: 'module-relocation',
    severity: 'error',
    pattern:
      /^(?:x86\/modules|module|kernel\/module)\S*: (?<what>.*(?:overflow|[Ii]nvalid|Unknown rela|Skipping).*)/,
    what: 'a relocation of a module could not be applied: {what}',
    next: 'rebuild the livepatch',
  },
  {
    id: 'alternatives',
    severity: 'error',
    pattern:
      /^(?:SMP alternatives|static_call|ftrace|objtool|ORC|unwind)\b\S*:? .*(?<what>(?:failed|invalid|unexpected|can't|corrupt|bug).*)/i,
    what: 'the code patching of the kernel complains: {what}',
    next: 'the special sections of the livepatch do not fit its code: rebuild it',
  },
  {
    id: 'livepatch-error',
    severity: 'error',
    pattern: /^livepatch: (?<what>failed to .*)/,
    what: 'livepatch: {what}',
    next: 'the lines before it in the log say why',
  },
  {
    id: 'call-trace',
    severity: 'error',
    pattern: /^Call Trace:/,
    what: 'the kernel printed a stack trace',
    next: 'the lines before it in the log say why',
  },
  {
    id: 'panic',
    severity: 'error',
    pattern: /^Kernel panic - not syncing: (?<what>.*)/,
    what: 'the kernel panicked: {what}',
    next: 'the lines before it in the log say why',
  },
  {
    id: 'failed-to',
    severity: 'error',
    pattern: /^(?<what>.*\bFailed to\b.*)/,
    what: 'the kernel says: {what}',
    next: 'find out whether the kernel without the livepatch says so too',
  },
];

/** What is wrong when a load fails and the log does not say it, by errno. */
export const silentFaults: readonly (Fault & { readonly errno: string })[] = [
  {
    id: 'load-einval',
    severity: 'error',
    errno: 'EINVAL',
    what: 'the kernel refused the livepatch without a word',
    why: 'new_func is NULL, a named object has no funcs, or the module reached klp_enable_patch() twice',
    next: 'look at the klp_func and klp_object arrays with klpkit show',
  },
  {
    id: 'load-eexist',
    severity: 'error',
    errno: 'EEXIST',
    what: 'a module of that name is loaded already',
    next: 'give the livepatch a name of its own',
  },
  {
    id: 'load-ebusy',
    severity: 'error',
    errno: 'EBUSY',
    what: 'another livepatch is in transition',
    next: 'wait until the transition of the other is complete',
  },
  {
    id: 'load-enoexec',
    severity: 'error',
    errno: 'ENOEXEC',
    what: 'the kernel does not take the file for a module of its own',
    next: rebuild,
  },
  {
    id: 'load-eperm',
    severity: 'error',
    errno: 'EPERM',
    what: 'the kernel forbids loading this module',
    why: 'lockdown does, and its message may have been rate limited',
    next: 'sign the module: klpkit sign',
  },
  {
    id: 'load-ekeyrejected',
    severity: 'error',
    errno: 'EKEYREJECTED',
    what: 'the kernel takes only modules that are signed with a key it knows',
    next: 'sign the module: klpkit sign',
  },
];

/** What is wrong when the kernel refuses a write to a livepatch's files, of which it says nothing; by file and errno. */
const refusedWrites: Readonly<Record<string, Fault>> = {
  'enabled EINVAL': {
    id: 'write-enabled-einval',
    severity: 'error',
    what: 'the livepatch is in that state already, or was disabled and is on its way out',
    next: 'load the module again to enable it once more',
  },
  'enabled EBUSY': {
    id: 'write-enabled-ebusy',
    severity: 'error',
    what: 'another livepatch is in transition',
    next: 'wait until the transition of the other is complete',
  },
  'force EINVAL': {
    id: 'write-force-einval',
    severity: 'error',
    what: 'there is no transition that could be forced',
    next: 'force only a transition that is under way, if at all',
  },
  'unload EAGAIN': {
    id: 'unload-eagain',
    severity: 'error',
    what: 'the livepatch is enabled or in transition',
    next: 'disable it and wait until it is gone from /sys/kernel/livepatch',
  },
};

/** Ids of all known faults, and of what a run as a whole may show. */
export const faultIds: ReadonlySet<string> = new Set([
  ...[...faults, ...silentFaults, ...Object.values(refusedWrites)].map(({ id }) => id),
  'taint',
]);

/** A fault that a line shows, its sentences filled in. */
export interface ExplainedFault {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why?: string;
  /** What to do; names the pitfall where there is one. */
  readonly next: string;
  /** `KLPnnn`, where the catalogue of pitfalls has it. */
  readonly pitfall?: string;
}

function fill(fault: Fault, groups: Readonly<Record<string, string | undefined>>): ExplainedFault {
  const put = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = groups[name] ?? '';
      // The kernel prints vmlinux, which has no name in a livepatch, as (null).
      return value === '(null)' ? 'vmlinux' : value;
    });
  const { id, severity } = fault;
  const pitfall = faultPitfalls[id];
  return {
    id,
    severity,
    what: put(fault.what),
    next: `${put(fault.next)}${pitfall === undefined ? '' : `; klpkit explain ${pitfall} says more`}`,
    ...(pitfall === undefined ? {} : { pitfall }),
    ...(fault.why === undefined ? {} : { why: put(fault.why) }),
  };
}

/** The known fault that a line of the kernel's log shows, with or without the log's timestamp; undefined for all others. */
export function explainLine(line: string): ExplainedFault | undefined {
  const text = line.replace(/^(?:<\d+>)?\[\s*\d+\.\d+\]\s*(?:\[\s*[TC]\d+\]\s*)?/, '');
  for (const fault of faults) {
    const match = fault.pattern?.exec(text);
    if (match) return fill(fault, match.groups ?? {});
  }
  return undefined;
}

/** What a failed load is known by when the kernel's log says nothing about it. */
export function explainErrno(errno: string): ExplainedFault | undefined {
  const fault = silentFaults.find((candidate) => candidate.errno === errno);
  return fault && fill(fault, {});
}

/** Why the kernel refuses a write to `enabled` or `force`, or an unload; undefined for other errors. */
export function explainRefusal(
  what: 'enabled' | 'force' | 'unload',
  errno: string,
): ExplainedFault | undefined {
  const fault = refusedWrites[`${what} ${errno}`];
  return fault && fill(fault, {});
}
