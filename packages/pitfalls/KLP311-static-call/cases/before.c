// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int __SCT__mod_hook(int);	/* what static_call(mod_hook) calls: the trampoline */
int rx(int x) { return ext_int(x); }
