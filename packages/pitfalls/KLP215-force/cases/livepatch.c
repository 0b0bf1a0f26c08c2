// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("livepatch");
/* Two functions that must agree on the order of two locks: no task may see one of them old and the other new. */
int new_take(void *m, void *v) { return 0; }
int new_drop(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_take }, { "version_proc_show", new_drop }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
