// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* Another livepatch has taken 1 for something else. */
static int owner;
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void)
{
	char *first = klp_shadow_alloc(&owner, 1, 8, GFP_KERNEL, NULL, NULL);
	char *second = klp_shadow_alloc(&owner, 1, 64, GFP_KERNEL, NULL, NULL);

	printk("case: second allocation gives %s\n", second ? "memory" : "NULL");
	printk("case: klp_shadow_get gives %s\n", klp_shadow_get(&owner, 1) == first ? "the first" : "another");
	return klp_enable_patch(&patch);
}
module_init(start);
static void __exit stop(void) { klp_shadow_free(&owner, 1, NULL); }
module_exit(stop);
