// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Two names that the source declares to be one function. */
extern int post(int, int);
static noinline int ev_add(int x) { if (x > 18) return post(x, 5); return post(x * 11, 6); }
int ev_del(int x) __attribute__((__alias__("ev_add")));
int c1(int x) { return ev_add(x) + 1; }
