// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* The signature of the source, for a clone whose callers do not pass mode. */
int new_do_io(int x, int mode) { return mode == 3 ? ext_int(x + 9) + x : ext_int(x) - x; }
static struct klp_func funcs[] = { { "do_io.constprop.0", new_do_io }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
