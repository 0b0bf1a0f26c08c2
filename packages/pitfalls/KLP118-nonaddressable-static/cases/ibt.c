// SPDX-License-Identifier: MIT
#include "klpmin.h"
static noinline int taken(int n)  { return ext_int(n) + 1; }
static noinline int called(int n) { return ext_int(n) + 2; }
int (*hook)(int) = taken;
int user(int n) { return called(n) + taken(n); }
