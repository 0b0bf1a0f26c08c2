// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* The signature of the source, for a clone that gets r->len in place of r. */
struct req { int len, flags; long cookie; };
int new_check(struct req *r, int lim) { return r->len + r->flags > lim; }
static struct klp_func funcs[] = { { "check.isra.0", new_check }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
