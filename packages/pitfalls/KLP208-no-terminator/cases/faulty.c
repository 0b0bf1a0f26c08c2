// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* One section: gcc puts what is defined first behind, so the kernel comes from funcs, which lacks its end, to unrelated. */
#define __tables __section(".data.tables") __attribute__((__aligned__(8)))
int new_show(void *m, void *v) { return 0; }
static __tables __used struct klp_func unrelated[] = { { "taken_from_the_next_variable", new_show }, { } };
static __tables struct klp_func funcs[] = { { "cmdline_proc_show", new_show } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
