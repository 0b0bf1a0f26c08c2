// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("alone");
struct sess { int state, key[4]; };
/* Replaces the symbol and forgets the callers that hold copies of it. */
int new_sess_valid(struct sess *s) { return s->state == 2 && s->key[0] && s->key[3]; }
static struct klp_func funcs[] = { { "sess_valid", new_sess_valid }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
