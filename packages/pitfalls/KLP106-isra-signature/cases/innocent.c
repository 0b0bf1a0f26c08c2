// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* Stands for code that was compiled as this clone: it has its name. */
struct req { int len, flags; long cookie; };
int new_check(int len, int lim) __asm__("check.isra.0");
int new_check(int len, int lim) { return len > lim; }
static struct klp_func funcs[] = { { "check.isra.0", new_check }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
