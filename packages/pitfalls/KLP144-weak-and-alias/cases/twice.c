// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("twice");
/* Two names of one function, each with a new one. */
int new_real(int x) { return x + 1; }
int new_alias(int x) { return x + 2; }
static struct klp_func funcs[] = { { "real_fn", new_real }, { "alias_fn", new_alias }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
