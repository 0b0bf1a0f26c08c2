// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
extern int old_last;	/* a KLP relocation leads it to the variable of the kernel */
static bool ratelimit(int now) { if (now - old_last < 5) return 0; old_last = now; return 1; }
void new_warn_tx(int now) { if (ratelimit(now)) printk("tx %d\n", now); }
static struct klp_func funcs[] = { { "warn_tx", new_warn_tx }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
