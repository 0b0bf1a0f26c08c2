// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("older");
static int owner;
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void)
{
	long *count = klp_shadow_alloc(&owner, 1, 8, GFP_KERNEL, NULL, NULL);
	if (count)
		*count = 3;
	return klp_enable_patch(&patch);
}
module_init(start);
static void __exit stop(void) { klp_shadow_free(&owner, 1, NULL); }
module_exit(stop);
