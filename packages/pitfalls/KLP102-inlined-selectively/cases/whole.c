// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("whole");
struct sess { int state, key[4]; };
int new_sess_valid(struct sess *s) { return s->state == 2 && s->key[0] && s->key[3]; }
int new_sess_read(struct sess *s)  { return new_sess_valid(s) ? ext_int(s->key[1]) : -1; }
int new_sess_write(struct sess *s) { return new_sess_valid(s) ? ext_int(s->key[2]) : -1; }
static struct klp_func funcs[] = {
	{ "sess_valid", new_sess_valid }, { "sess_read", new_sess_read }, { "sess_write", new_sess_write }, { }
};
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
