// SPDX-License-Identifier: MIT
#include "jl.h"
extern struct static_key mod_key;	/* defined in the patched object or elsewhere */
int rx(int x) { if (static_branch_unlikely(&mod_key)) ext(); return ext_int(x); }
