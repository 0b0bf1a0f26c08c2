// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("livepatch");
/* In the source check(request, limit); the compiler left code that takes the two numbers. */
extern int check(void *request, int limit);
int new_submit(void *request, int n) { return check(request, n) + 1; }
static struct klp_func funcs[] = { { "submit", new_submit }, { } };
static struct klp_object objs[] = { { "klp_target", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
