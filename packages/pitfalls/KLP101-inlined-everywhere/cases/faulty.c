// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* The helper of the source; the kernel has no code under this name. */
int new_clamp_len(int len) { return len < 0 ? 0 : len; }
static struct klp_func funcs[] = { { "clamp_len", new_clamp_len }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
