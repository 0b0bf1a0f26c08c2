// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
int new_work(int x) { int *seen = klp_shadow_get_or_alloc(NULL, 0x4b4c5001, sizeof(*seen), GFP_ATOMIC, NULL, NULL); return seen ? x + ++*seen : x; }
static struct klp_func funcs[] = { { "work", new_work }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
