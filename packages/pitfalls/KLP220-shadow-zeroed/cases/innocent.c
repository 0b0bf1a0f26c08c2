// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
static int make(void *parent, void *shadow, void *data) { *(long *)shadow = 100; return 0; }
static int owner;
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void)
{
	klp_shadow_alloc(&owner, 0x2024220, 8, GFP_KERNEL, make, NULL);
	return klp_enable_patch(&patch);
}
module_init(start);
static void __exit stop(void) { klp_shadow_free(&owner, 0x2024220, NULL); }
module_exit(stop);
