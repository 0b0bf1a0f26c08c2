// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("objects");
/* The kernel itself is listed twice. */
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_func more[] = { { "version_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { NULL, more }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
