// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* The instruction itself. */
static int v;
int new_get(void) { return __atomic_fetch_add(&v, 1, __ATOMIC_SEQ_CST); }
static struct klp_func funcs[] = { { "get", new_get }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
