// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("nothing");
/* The list of objects ends before it begins. */
static struct klp_object objs[] = { { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
