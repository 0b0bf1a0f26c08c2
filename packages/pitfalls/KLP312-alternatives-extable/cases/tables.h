// SPDX-License-Identifier: MIT
/* The shape of the kernel's alternatives and exception fixups. */
#define ALTERNATIVE(feature, new) asm volatile("661:\t.byte 0x0f,0x1f,0x40,0x00\n662:\n" \
	".pushsection .altinstructions,\"a\"\n\t.long 661b - ., 663f - ., " #feature "\n\t.byte 662b - 661b, 664f - 663f\n\t.popsection\n" \
	".pushsection .altinstr_replacement,\"ax\"\n663:\t" new "\n664:\n\t.popsection" ::: "memory")
#define LOAD(value, place, kind) asm volatile("1:\tmovl %1, %0\n2:\n" \
	".pushsection __ex_table,\"a\"\n\t.balign 4\n\t.long 1b - ., 2b - ., " #kind "\n\t.popsection" : "=r"(value) : "m"(place))
