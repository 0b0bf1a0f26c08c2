// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* Replaces the function that holds the copy. */
int new_rx(int len) { return ext_int(len < 0 ? 0 : len); }
static struct klp_func funcs[] = { { "rx", new_rx }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
