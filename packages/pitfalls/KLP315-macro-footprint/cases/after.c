// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "macros.h"
int f_trace(int x) { trace_rx(x); return ext_int(x); }
int f_warn(int x) { WARN_ON(x > 9);
	WARN_ON(x < 0);
	pr_warn_once("odd"); return ext_int(x); }
int f_lock(int x) { mutex_init(&x); ratelimited("often"); return ext_int(x); }
