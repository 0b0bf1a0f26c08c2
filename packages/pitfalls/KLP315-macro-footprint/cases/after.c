// SPDX-License-Identifier: MIT
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/ratelimit.h>
#include <linux/kernel.h>
#include <trace/events/module.h>
DEFINE_STATIC_KEY_FALSE(my_key);
DEFINE_PER_CPU(int, my_pcpu);
#include <linux/uaccess.h>
#include <linux/percpu.h>
noinline int f_trace(struct module *m) { trace_module_get(m, _RET_IP_); return 0; }
noinline int f_key(int x) { if (static_branch_unlikely(&my_key)) return 1; return x; }
noinline int f_warn(int x) { WARN_ONCE(x, "bad %d\n", x); return x; }
noinline int f_once(int x) { pr_warn_once("x %d\n", x); return x; }
noinline int f_debug(int x) { pr_debug("dbg %d\n", x); return x; }
noinline int f_mutex(struct mutex *m) { mutex_init(m); return 0; }
noinline int f_pcpu(int x) { this_cpu_add(my_pcpu, x); return x; }
noinline int f_user(int __user *p) { int v = 0; if (get_user(v, p)) return -1; return v; }
noinline void *f_kmalloc(void) { return kmalloc(48, GFP_KERNEL); }
noinline void f_sleep(void) { might_sleep(); }
noinline int f_rl(int x) { pr_warn_ratelimited("rl %d\n", x); return x; }
static int __init i(void) { return f_key(1) + f_warn(0); }
module_init(i); MODULE_LICENSE("GPL");
