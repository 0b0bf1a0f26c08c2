// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern long mod_key;		/* a static key of the module that is fixed */
int rx(int x) { return ext_int(x); }
