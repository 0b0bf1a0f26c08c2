// SPDX-License-Identifier: MIT OR GPL-2.0
/* Where the shadow variables begin and end. */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "views.h"

struct box *livepatch_box_new(int number);
void livepatch_box_free(struct box *box);
void livepatch_box_show(struct seq_file *m, struct box *box);

/*
 * May sleep and may refuse. get_or_alloc: if a livepatch before this one has made it, its count goes on. That is also why nothing is
 * made of it that only the first could know.
 */
static int pre_patch(struct klp_object *obj)
{
	return klp_shadow_get_or_alloc(NULL, ALL_VIEWS, sizeof(struct all_views), GFP_KERNEL, NULL, NULL) ? 0 :
													    -ENOMEM;
}

/*
 * No task runs the new functions any more, and nobody would free what they have attached: with this module the only code that knows of
 * it goes. Runs when the livepatch is disabled, when enabling was taken back or failed, and each time that the target goes, whose boxes
 * are free by then. Does not run when another livepatch replaces this one: that one takes over, and must free all when it goes.
 */
static void post_unpatch(struct klp_object *obj)
{
	klp_shadow_free_all(BOX_VIEWS, NULL);
	klp_shadow_free_all(ALL_VIEWS, NULL);
}

static struct klp_func funcs[] = {
	{ .old_name = "box_free", .new_func = livepatch_box_free },
	{ .old_name = "box_new", .new_func = livepatch_box_new },
	{ .old_name = "box_show", .new_func = livepatch_box_show },
	{ }
};

static struct klp_object objs[] = {
	{
		.name = "klpkit_shelf",
		.funcs = funcs,
		.callbacks = { .pre_patch = pre_patch, .post_unpatch = post_unpatch },
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
	.replace = true,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

/* Frees nothing: a successor may have taken the variables over. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_DESCRIPTION("Livepatch with shadow variables");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
