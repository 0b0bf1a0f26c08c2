// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("pointer");
/* Calls what becomes a KLP symbol by a pointer in its data. */
extern void ext(void);
static void (*volatile slot)(void) = ext;
int new_show(void *m, void *v) { slot(); return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
