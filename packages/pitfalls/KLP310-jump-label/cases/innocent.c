// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
extern long mod_key;
extern bool static_key_enabled(void *key);
int new_rx(int x) { if (static_key_enabled(&mod_key)) ext(); return ext_int(x); }
static struct klp_func funcs[] = { { "rx", new_rx }, { } };
static struct klp_object objs[] = { { "net_mod", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
