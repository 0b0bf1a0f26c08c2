// SPDX-License-Identifier: MIT
/* The same functions without the macros (what the original kernel object would hold). */
#include <linux/module.h>
#include <linux/mutex.h>
noinline int f_trace(struct module *m) { return 0; }
noinline int f_key(int x) { return x; }
noinline int f_warn(int x) { return x; }
noinline int f_once(int x) { return x; }
noinline int f_debug(int x) { return x; }
MODULE_LICENSE("GPL");
