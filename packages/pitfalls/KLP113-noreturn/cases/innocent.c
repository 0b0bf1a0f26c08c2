// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* Never returns either. */
void new_fatal(int code) { for (;;) printk("still stuck %d\n", code); }
static struct klp_func funcs[] = { { "fatal", new_fatal }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
