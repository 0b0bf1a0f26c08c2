// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("own");
/* Looks its answers up in the table of its own. */
static const int own_table[6] = { 7, 19, 3, 78, -4, 12 };
int new_prio(int class) { return (unsigned)class < 6 ? own_table[class] : 0; }
static struct klp_func funcs[] = { { "prio", new_prio }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
