// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
extern int parse_opt(int);
int new_runtime(int x) { ext(); if (x < 0) return parse_opt(x); return ext_int(x); }
static struct klp_func funcs[] = { { "runtime", new_runtime }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
