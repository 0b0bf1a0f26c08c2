// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define __percpu_sec __section(".data..percpu")
static int __percpu_sec hits;
static __always_inline void inc(int *v) { asm("incl %%gs:%0" : "+m"(*v)); }
int rx(int x) { inc(&hits); return ext_int(x); }
