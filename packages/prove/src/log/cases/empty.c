// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("empty");
/* A function is named, and nothing that replaces it. */
static struct klp_func funcs[] = { { "cmdline_proc_show", NULL }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
