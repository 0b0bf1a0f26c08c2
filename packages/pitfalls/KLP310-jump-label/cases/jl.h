// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* the shape of arch/x86 static_branch: asm goto + __jump_table entry */
struct static_key { int enabled; void *entries; };
static __always_inline bool static_branch_unlikely(struct static_key *key)
{
	asm goto("1:\t.byte 0x0f,0x1f,0x44,0x00,0x00\n\t.pushsection __jump_table, \"aw\"\n\t.balign 8\n\t"
		 ".long 1b - ., %l[l_yes] - .\n\t.quad %c0 - .\n\t.popsection" :: "i"(key) :: l_yes);
	return 0;
l_yes:	return 1;
}
