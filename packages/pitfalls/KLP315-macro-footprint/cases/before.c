// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "macros.h"
int f_trace(int x) { return ext_int(x); }
int f_warn(int x) { WARN_ON(x > 9); return ext_int(x); }
int f_lock(int x) { return ext_int(x); }
