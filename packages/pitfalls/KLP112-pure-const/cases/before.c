// SPDX-License-Identifier: MIT
#include "klpmin.h"
int table[16];
/* Global, noinline, even exported in real life: still analysed, the kernel is not PIC. */
noinline int cost(int i) { return i * i + (i >> 3) + 7; }		/* const */
noinline int look(int i) { return table[i & 15] ^ (i * 31); }		/* pure  */
int twice(int i)   { int a = look(i); int b = look(i); return a + b; }
int around(int i)  { int a = cost(i); ext(); return a + cost(i); }
void prefetch(int i) { look(i); }
