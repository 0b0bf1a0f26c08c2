// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
static int owner;
static void left(struct klp_object *o) { klp_shadow_free_all(0x2024219, NULL); }
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs, { .post_unpatch = left } }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void)
{
	klp_shadow_get_or_alloc(&owner, 0x2024219, 8, GFP_KERNEL, NULL, NULL);
	return klp_enable_patch(&patch);
}
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
