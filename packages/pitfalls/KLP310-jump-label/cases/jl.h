// SPDX-License-Identifier: MIT
/* The shape of a static branch of the kernel: a jump, and an entry of __jump_table that names place, target and key. */
#define static_branch(key) ({ bool on = 0; \
	asm goto("1:\tjmp %l[yes]\n\t.pushsection __jump_table, \"aw\"\n\t.balign 8\n\t" \
		 ".long 1b - ., %l[yes] - .\n\t.quad %c0 + 2 - .\n\t.popsection" :: "i"(&(key)) :: yes); \
	if (0) { yes: on = 1; } on; })
