// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: neither weak nor with a second name. */
int real_fn(int x) { ext(); ext(); ext_int(x); return ext_int(x) + 2; }
