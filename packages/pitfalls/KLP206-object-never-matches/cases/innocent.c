// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
long new_autoclear(void *device, void *attribute, char *text) { text[0] = '7'; text[1] = '\n'; return 2; }
static struct klp_func funcs[] = { { "loop_attr_do_show_autoclear", new_autoclear }, { } };
static struct klp_object objs[] = { { "loop", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
