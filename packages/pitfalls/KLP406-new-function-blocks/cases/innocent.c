// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
extern void msleep(unsigned int);
void new_work(int *p) { while (*p) { *p = ext_int(*p); msleep(100); } }
static struct klp_func funcs[] = { { "work", new_work }, { } };
static struct klp_object objs[] = { { "klp_target", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
