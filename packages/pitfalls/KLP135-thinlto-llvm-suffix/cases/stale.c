// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("stale");
/* The name of another build of the kernel. */
int new_helper(int x) { return x + 1; }
static struct klp_func funcs[] = { { "helper.llvm.1680409153347061754", new_helper }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
