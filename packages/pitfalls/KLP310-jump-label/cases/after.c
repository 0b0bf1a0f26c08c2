// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "jl.h"
extern long mod_key;		/* a static key of the module that is fixed */
int rx(int x) { __label__ yes; if (static_branch(mod_key)) ext(); return ext_int(x); }
