// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
extern int __SCT__mod_hook(int);
/* The call alone: the trampoline jumps to where the static call leads. */
int new_rx(int x) { return __SCT__mod_hook(x) + 1; }
static struct klp_func funcs[] = { { "rx", new_rx }, { } };
static struct klp_object objs[] = { { "net_mod", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
