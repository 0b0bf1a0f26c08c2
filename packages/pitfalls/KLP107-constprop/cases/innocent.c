// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* Stands for code that was compiled as this clone: it has its name. */
int new_do_io(int x) __asm__("do_io.constprop.0");
int new_do_io(int x) { return ext_int(x + 9) + x; }
static struct klp_func funcs[] = { { "do_io.constprop.0", new_do_io }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
