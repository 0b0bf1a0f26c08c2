// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("innocent");
/* include/linux/kprobes.h as far as its handlers. */
struct kprobe { void *lists[4]; unsigned long missed; void *addr; const char *symbol_name; u32 offset; void *pre, *post; char rest[48]; };
extern int register_kprobe(struct kprobe *);
extern void unregister_kprobe(struct kprobe *);
static int entered(void *probe, void *regs) { return 0; }
int new_show(void *m, void *v) { return 0; }
static struct klp_func funcs[] = { { "cmdline_proc_show", new_show }, { } };
static struct kprobe probe = { .symbol_name = "cmdline_proc_show", .pre = entered };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void)
{
	int error = register_kprobe(&probe);

	if (error)
		return error;
	error = klp_enable_patch(&patch);
	if (error)
		unregister_kprobe(&probe);
	return error;
}
module_init(start);
static void __exit stop(void) { unregister_kprobe(&probe); }
module_exit(stop);
