// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define PERCPU __section(".data..percpu")
#define inc(v) asm("incl %%gs:%0" : "+m"(v))
static int PERCPU hits;
int rx(int x) { inc(hits); return ext_int(x); }
int tx(int x) { inc(hits); return ext_int(x + 1); }
