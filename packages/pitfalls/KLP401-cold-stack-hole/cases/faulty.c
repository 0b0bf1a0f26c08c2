// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
extern void complain(int x) __cold;
extern void schedule(void);
/* Sleeps in the part that the compiler splits off as new_work.cold. */
__attribute__((optimize("O2"))) int new_work(int x)
{
	int s = x * 3;
	if (unlikely(x < 0)) {
		complain(x);
		schedule();
		s += 7;
		complain(s);
	}
	return s + 2;
}
static struct klp_func funcs[] = { { "work", new_work }, { } };
static struct klp_object objs[] = { { "klp_target", funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
static void __exit stop(void) { }
module_exit(stop);
