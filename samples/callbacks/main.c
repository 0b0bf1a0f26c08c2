// SPDX-License-Identifier: MIT OR GPL-2.0
/* A livepatch that says which of its callbacks runs, for which object. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

int livepatch_cmdline_proc_show(struct seq_file *m, void *v);
int livepatch_bell_show(struct seq_file *m, void *v);

static int refuse_vmlinux;
module_param(refuse_vmlinux, int, 0644);
MODULE_PARM_DESC(refuse_vmlinux, "what pre_patch of vmlinux gives back: 0, or a negative errno");

static int refuse_module;
module_param(refuse_module, int, 0644);
MODULE_PARM_DESC(refuse_module, "what pre_patch of klpkit_bell gives back: 0, or a negative errno");

/* vmlinux is the object without a name. */
static const char *name_of(const struct klp_object *obj)
{
	return obj->name ? obj->name : "vmlinux";
}

/*
 * Before the first function of the object is redirected. The only one that may refuse: with an error the livepatch does not load, or,
 * when the object is a module that comes later, that module does not.
 */
static int pre_patch(struct klp_object *obj)
{
	int error = obj->name ? refuse_module : refuse_vmlinux;

	pr_info("pre_patch of %s gives %d\n", name_of(obj), error);
	return error;
}

/* When the transition is complete: every task runs the new functions. */
static void post_patch(struct klp_object *obj)
{
	pr_info("post_patch of %s\n", name_of(obj));
}

/* When disabling begins, or the module goes: the new functions still run. */
static void pre_unpatch(struct klp_object *obj)
{
	pr_info("pre_unpatch of %s\n", name_of(obj));
}

/*
 * When no task runs the new functions any more. Not only after a disable: also when enabling was taken back, when it failed behind
 * pre_patch, and each time that the module goes.
 */
static void post_unpatch(struct klp_object *obj)
{
	pr_info("post_unpatch of %s\n", name_of(obj));
}

#define CALLBACKS                                                              \
	{                                                                      \
		.pre_patch = pre_patch, .post_patch = post_patch,              \
		.pre_unpatch = pre_unpatch, .post_unpatch = post_unpatch,      \
	}

static struct klp_func vmlinux_funcs[] = {
	{ .old_name = "cmdline_proc_show", .new_func = livepatch_cmdline_proc_show },
	{ }
};

static struct klp_func bell_funcs[] = {
	{ .old_name = "bell_show", .new_func = livepatch_bell_show },
	{ }
};

static struct klp_object objs[] = {
	{ .funcs = vmlinux_funcs, .callbacks = CALLBACKS },
	{ .name = "klpkit_bell", .funcs = bell_funcs, .callbacks = CALLBACKS },
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

/* Nothing: the module can only be removed when the livepatch has been disabled. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_DESCRIPTION("Livepatch that tells of its callbacks");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(livepatch, "Y");
