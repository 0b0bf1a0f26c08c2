// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
int limit = 1;
static void raise_limit(struct klp_object *obj) { limit = 2; }
static void lower_limit(struct klp_object *obj) { limit = 1; }
int new_work(int x) { return ext_int(limit); }
static struct klp_func funcs[] = { { "work", new_work }, { } };
static struct klp_object objs[] = { { NULL, funcs, { .post_patch = raise_limit, .pre_unpatch = lower_limit } }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
