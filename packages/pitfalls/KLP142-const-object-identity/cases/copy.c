// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("copy");
struct ops { int (*open)(int); int flags; };
extern void attach(const struct ops *o);
/* Taken along from the source, as the compiler asked for it. */
static int eth_open(int x) { return ext_int(x); }
static const struct ops eth_ops = { eth_open, 3 };
void new_probe(void) { if (ext_int(1)) attach(&eth_ops); }
static struct klp_func funcs[] = { { "probe", new_probe }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
