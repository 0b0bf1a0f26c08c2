// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* loop_init() calls loop_add() for each device that it makes at once. */
int new_loop_add(int number) { printk("case: the new loop_add\n"); return -28; }
static struct klp_func funcs[] = { { "loop_add", new_loop_add }, { } };
static struct klp_object objs[] = { { "loop", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
