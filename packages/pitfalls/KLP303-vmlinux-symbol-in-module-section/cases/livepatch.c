// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("livepatch");
/* Replaces a function of overlay, and uses a variable of the kernel. */
extern char *line;
int new_file_open(void *m, void *v) { return line[0]; }
static struct klp_func funcs[] = { { "ovl_open", new_file_open }, { } };
static struct klp_object objs[] = { { "overlay", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
