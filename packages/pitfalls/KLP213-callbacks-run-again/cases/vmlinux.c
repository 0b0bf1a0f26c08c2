// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("vmlinux");
static int before(struct klp_object *o) { printk("case: pre_patch of vmlinux\n"); return 0; }
static void after(struct klp_object *o) { printk("case: post_patch of vmlinux\n"); }
static void leaving(struct klp_object *o) { printk("case: pre_unpatch of vmlinux\n"); }
static void left(struct klp_object *o) { printk("case: post_unpatch of vmlinux\n"); }
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs, { before, after, leaving, left } }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
