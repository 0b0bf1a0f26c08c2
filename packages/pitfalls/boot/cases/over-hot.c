// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("klpcase_00");
int new_work(int x) { return 9000 + x; }
int new_finish(int x) { return 9100 + x; }
int new_get(void) { return 9200; }
static struct klp_func funcs[] = { { "work_twin", new_work }, { "finish_twin", new_finish }, { "get", new_get }, { "get_twin", new_get }, { } };
static struct klp_object objs[] = { { "klp_target", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
