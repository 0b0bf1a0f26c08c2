// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* One of several clones, chosen by its number. */
int new_emit(int x) { return ext_int(x); }
static struct klp_func funcs[] = { { "emit.constprop.1", new_emit }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
