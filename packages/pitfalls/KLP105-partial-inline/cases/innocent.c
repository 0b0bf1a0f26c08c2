// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* Knows of the part and of the caller. */
struct dev { int state, id, log[8]; };
int new_dev_flush(struct dev *d) { return d->state == 0 || d->id < 0 ? 0 : ext_int(d->state); }
int new_dev_open(struct dev *d)  { if (new_dev_flush(d)) return -5; d->state = 1; return 0; }
int new_part(struct dev *d) { return ext_int(d->state); }
static struct klp_func funcs[] = { { "dev_flush", new_dev_flush }, { "dev_open", new_dev_open }, { "dev_flush.part.0", new_part }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
