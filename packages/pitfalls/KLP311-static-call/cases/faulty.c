// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
extern int __SCT__mod_hook(int);
/* The call with the entry that objtool makes of it: place and key. */
int new_rx(int x)
{
	int r;
	asm volatile("1:\tcall __SCT__mod_hook\n\t.pushsection .static_call_sites, \"aw\"\n\t"
		     ".long 1b - ., __SCK__mod_hook - .\n\t.popsection" : "=a"(r) : "D"(x) : "memory");
	return r + 1;
}
static struct klp_func funcs[] = { { "rx", new_rx }, { } };
static struct klp_object objs[] = { { "net_mod", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
