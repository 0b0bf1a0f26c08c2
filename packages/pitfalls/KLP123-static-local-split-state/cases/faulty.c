// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* Brings a last of its own; warn_rx goes on with the one of the kernel. */
static bool ratelimit(int now) { static int last; if (now - last < 5) return 0; last = now; return 1; }
void new_warn_tx(int now) { if (ratelimit(now)) printk("tx %d\n", now); }
static struct klp_func funcs[] = { { "warn_tx", new_warn_tx }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
