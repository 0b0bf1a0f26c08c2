// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* Callers that hold the guard call dev_flush.part.0 and never come here. */
struct dev { int state, id, log[8]; };
int new_dev_flush(struct dev *d) { return d->state == 0 || d->id < 0 ? 0 : ext_int(d->state); }
static struct klp_func funcs[] = { { "dev_flush", new_dev_flush }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
