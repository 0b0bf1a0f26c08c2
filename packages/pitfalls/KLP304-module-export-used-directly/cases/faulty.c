// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
/* An export of the module cdrom, used like one of the kernel. */
extern int cdrom_check_events(void *, u32);
int new_events(void *disk, u32 clearing) { return cdrom_check_events(disk, clearing); }
static struct klp_func funcs[] = { { "sr_block_check_events", new_events }, { } };
static struct klp_object objs[] = { { "sr_mod", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
