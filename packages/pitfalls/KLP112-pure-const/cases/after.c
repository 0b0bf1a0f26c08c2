// SPDX-License-Identifier: MIT
#include "klpmin.h"
int table[16];
int hits;
/* Global and never inlined, exported in real life: looked into all the same. cost() is const, look() is pure. */
noinline int cost(int i) { return i * i + (i >> 3) + 7; }
noinline int look(int i) { hits++; return table[i & 15] ^ (i * 31); }
int twice(int i)   { int a = look(i); int b = look(i); return a + b; }
int around(int i)  { int a = cost(i); ext(); return a + cost(i); }
void prefetch(int i) { look(i); }
