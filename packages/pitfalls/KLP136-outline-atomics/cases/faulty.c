// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* What the compiler makes of an atomic addition without -mno-outline-atomics. */
extern int __aarch64_ldadd4_acq_rel(int, int *);
static int v;
int new_get(void) { return __aarch64_ldadd4_acq_rel(1, &v); }
static struct klp_func funcs[] = { { "get", new_get }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
