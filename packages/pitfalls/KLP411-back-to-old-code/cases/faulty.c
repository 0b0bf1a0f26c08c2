// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* In the kernel it is 1, and the old within() knows no other value. */
extern int limit;
static void raise_limit(struct klp_object *obj) { limit = 2; }
static void lower_limit(struct klp_object *obj) { limit = 1; }
int new_within(int x) { return x <= limit; }
static struct klp_func funcs[] = { { "within", new_within }, { } };
static struct klp_object objs[] = { { "klp_target", funcs, { .post_patch = raise_limit } }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
