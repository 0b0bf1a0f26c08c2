// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "macros.h"
/* The innocent twin: the fixes are code and nothing else. */
int f_trace(int x) { return ext_int(x + 1); }
int f_warn(int x) { WARN_ON(x > 8); return ext_int(x); }
int f_lock(int x) { ext_ptr(&x); return ext_int(x); }
