// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* ev_add is the same code in the kernel, and is diverted too. */
int new_ev_del(int x) { return ext_int(x); }
static struct klp_func funcs[] = { { "ev_del", new_ev_del }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
