// SPDX-License-Identifier: MIT
/* What macros of the kernel come down to, as far as the compiler and the assembler see it. */
#define pr_warn_once(text) ({ static bool __section(".data..once") __already_done; \
	if (unlikely(!__already_done)) { __already_done = 1; printk(text); } })
#define WARN_ON(c) ({ if (unlikely(c)) asm volatile("1:\t.byte 0x0f, 0x0b\n\t.pushsection __bug_table, \"aw\"\n2:\t" \
	".long 1b - 2b, %c0 - 2b\n\t.word %c1, 1\n\t.org 2b + 12\n\t.popsection" :: "i"(__FILE__), "i"(__LINE__)); })
#define static_branch(key) ({ __label__ yes; bool on = 0; asm goto("1:\tjmp %l[yes]\n\t.pushsection __jump_table, \"aw\"\n\t" \
	".balign 8\n\t.long 1b - ., %l[yes] - .\n\t.quad %c0 + 2 - .\n\t.popsection" :: "i"(&(key)) :: yes); if (0) { yes: on = 1; } on; })
extern long __tracepoint_rx;
extern void __SCT__tp_func_rx(int);
#define trace_rx(x) ({ if (static_branch(__tracepoint_rx)) __SCT__tp_func_rx(x); })
#define mutex_init(m) ({ static long __key; ext_ptr(m); ext_ptr(&__key); })
#define ratelimited(text) ({ static long _rs[4] = { 1, 5 }; ext_ptr(_rs); printk(text); })
