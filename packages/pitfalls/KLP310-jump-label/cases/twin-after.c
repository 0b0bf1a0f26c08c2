// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern long mod_key;		/* a static key of the module that is fixed */
extern bool static_key_enabled(void *key);
/* The innocent twin: looks when it runs. */
int rx(int x) { if (static_key_enabled(&mod_key)) ext(); return ext_int(x); }
