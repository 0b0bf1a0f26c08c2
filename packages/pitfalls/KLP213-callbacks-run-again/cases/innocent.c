// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
static int owner;
static void after(struct klp_object *o)
{
	klp_shadow_alloc(&owner, 0x2024213, 8, GFP_KERNEL, NULL, NULL);
	printk("case: post_patch\n");
}
static void left(struct klp_object *o) { klp_shadow_free_all(0x2024213, NULL); }
long new_autoclear(void *device, void *attribute, char *text) { text[0] = '7'; text[1] = '\n'; return 2; }
static struct klp_func funcs[] = { { "loop_attr_do_show_autoclear", new_autoclear }, { } };
static struct klp_object objs[] = { { "loop", funcs, { .post_patch = after, .post_unpatch = left } }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
