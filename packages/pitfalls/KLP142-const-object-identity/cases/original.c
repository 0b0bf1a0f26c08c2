// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("original");
struct ops { int (*open)(int); int flags; };
extern void attach(const struct ops *o);
/* The one that the kernel has: becomes a KLP relocation. */
extern const struct ops eth_ops;
void new_probe(void) { if (ext_int(1)) attach(&eth_ops); }
static struct klp_func funcs[] = { { "probe", new_probe }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
