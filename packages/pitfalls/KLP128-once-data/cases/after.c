// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define pr_warn_once(fmt, ...) ({ static bool __section(".data.once") __already_done; \
	if (unlikely(!__already_done)) { __already_done = 1; printk(fmt, ##__VA_ARGS__); } })
struct bug_entry { int addr, file; u16 line, flags; };
#define WARN_ONCE_BUG(c) ({ if (unlikely(c)) asm volatile("1:\t.byte 0x0f, 0x0b\n" \
	".pushsection __bug_table,\"aw\"\n2:\t.long 1b - 2b\n\t.long %c0 - 2b\n\t.word %c1\n\t.word %c2\n\t.org 2b+%c3\n.popsection" \
	:: "i"(__FILE__), "i"(__LINE__), "i"(3), "i"(sizeof(struct bug_entry))); })
int rx(int len)
{
	if (len > 9000)
		pr_warn_once("jumbo %d\n", len);
	WARN_ONCE_BUG(len < 0);
	return ext_int(len);
}
