// SPDX-License-Identifier: MIT OR GPL-2.0
/* Takes the state over from version 1, or makes it where there is none. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "../reads.h"

static struct klp_patch patch;

/*
 * Version 1 or 2 may be there, or nobody. Nothing that version 1 relies on may be changed here: the transition can still be taken back,
 * and until it is complete tasks run the code of both.
 */
static int pre_patch(struct klp_object *obj)
{
	struct klp_state *state = klp_get_state(&patch, READS_STATE);
	struct klp_state *before = klp_get_prev_state(READS_STATE);

	if (before) {
		livepatch_reads = before->data;
	} else {
		livepatch_reads = kzalloc(sizeof(*livepatch_reads), GFP_KERNEL);
		if (livepatch_reads)
			livepatch_reads->first = ktime_get_boottime_seconds();
	}
	if (!livepatch_reads)
		return -ENOMEM;
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
	{ .id = READS_STATE, .version = 2 },
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
MODULE_DESCRIPTION("Livepatch with a system state, version 2");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
