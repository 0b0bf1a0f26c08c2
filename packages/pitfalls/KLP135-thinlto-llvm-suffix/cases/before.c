// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int depth;
static noinline int helper(int x) { depth += x; ext(); return ext_int(depth) + ext_int(x + depth); }
int api(int x) { return helper(x + 1); }		/* imported into other.c, drags helper along */
int api2(int x) { return helper(x) * depth; }
