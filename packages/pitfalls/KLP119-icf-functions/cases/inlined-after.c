// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int post(int, int);
/* local, not address-taken: folded to one body, two symbols */
static __always_inline int ev_add(int x) { if (x > 18) return post(x, 5); return post(x * 11, 4); }
static __always_inline int ev_del(int x) { if (x > 18) return post(x, 5); return post(x * 11, 6); }
int c1(int x) { return ev_add(x) + 1; }
int c2(int x) { return ev_del(x) + 2; }
/* global */
int g_one(int x) { if (x > 8) return post(x, 17); return post(x * 9, 2); }
int g_two(int x) { if (x > 8) return post(x, 17); return post(x * 9, 3); }
/* address taken: must stay distinct */
static int a_open(int x)  { if (x > 3) return post(x, 7); return post(x * 3, 1); }
static int a_close(int x) { if (x > 3) return post(x, 7); return post(x * 3, 1); }
struct { int (*open)(int), (*close)(int); } ops = { a_open, a_close };
