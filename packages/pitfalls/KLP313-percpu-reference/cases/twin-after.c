// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define PERCPU __section(".data..percpu")
#define inc(v) asm("incl %%gs:%0" : "+m"(v))
static int PERCPU hits;
static int drops;			/* the innocent twin: one counter for all */
int rx(int x) { inc(hits); if (x < 0) drops++; return ext_int(x); }
int tx(int x) { inc(hits); return ext_int(x + 1); }
