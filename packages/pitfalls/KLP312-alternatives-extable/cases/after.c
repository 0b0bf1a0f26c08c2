// SPDX-License-Identifier: MIT
#include "klpmin.h"
int rx(const int *p)
{
	int v, err = 0;
	/* ALTERNATIVE: 4 old bytes, replacement in .altinstr_replacement */
	asm volatile("661:\n\t.byte 0x0f,0x1f,0x40,0x00\n662:\n.pushsection .altinstructions,\"a\"\n .long 661b - .\n .long 663f - .\n .short 7\n .byte 662b-661b\n .byte 664f-663f\n.popsection\n"
		     ".pushsection .altinstr_replacement,\"ax\"\n663:\n\tlfence\n664:\n.popsection" ::: "memory");
	/* fault-tolerant load: __ex_table */
	asm volatile("1:\tmovl %2,%1\n2:\n.pushsection .fixup,\"ax\"\n3:\tmovl $-14,%0\n\tjmp 2b\n.popsection\n"
		     ".pushsection __ex_table,\"a\"\n .balign 4\n .long (1b) - .\n .long (3b) - .\n .long 0\n.popsection" : "+r"(err), "=r"(v) : "m"(*p));
	return err ? err : v;
}
