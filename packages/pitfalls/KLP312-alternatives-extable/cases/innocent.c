// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
#include "tables.h"
LIVEPATCH_MARKS("innocent");
extern void mod_flush(void);
/* The replacement needs nothing of the module. */
int new_rx(const int *p) { ALTERNATIVE(7, "lfence"); mod_flush(); return *p; }
static struct klp_func funcs[] = { { "rx", new_rx }, { } };
static struct klp_object objs[] = { { "net_mod", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
