// SPDX-License-Identifier: MIT OR GPL-2.0
/* Makes the state, and keeps its data where later livepatches find it. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../reads.h"

static struct klp_patch patch;

/*
 * The kernel has checked that no livepatch with a newer version of the state is there. One of the same version may be, an equal of this
 * one: its data is taken over.
 */
static int pre_patch(struct klp_object *obj)
{
	struct klp_state *state = klp_get_state(&patch, READS_STATE);
	struct klp_state *before = klp_get_prev_state(READS_STATE);

	livepatch_reads = before ? before->data : kzalloc(sizeof(*livepatch_reads), GFP_KERNEL);
	if (!livepatch_reads)
		return -ENOMEM;
	/* The kernel neither copies nor frees it. */
	state->data = livepatch_reads;
	return 0;
}
/*
 * Runs when the livepatch is disabled, and when enabling it was taken back or failed. In the latter case whoever had the state before
 * is still there and goes on with it: klp_get_prev_state() finds that livepatch as long as there is a transition, which this is.
 */
static void post_unpatch(struct klp_object *obj)
{
	if (!klp_get_prev_state(READS_STATE))
		kfree(livepatch_reads);
	livepatch_reads = NULL;
}

static struct klp_func funcs[] = {
	{ .old_name = "cmdline_proc_show", .new_func = livepatch_cmdline_proc_show },
	{ }
};

static struct klp_object objs[] = {
	{
		.funcs = funcs,
		.callbacks = { .pre_patch = pre_patch, .post_unpatch = post_unpatch },
	},
	{ }
};

static struct klp_state states[] = {
	{ .id = READS_STATE, .version = 1 },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
	.states = states,
	.replace = true,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

/* Frees nothing: when the livepatch was replaced, another one has the data. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_DESCRIPTION("Livepatch with a system state, version 1");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
