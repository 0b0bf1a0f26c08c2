// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int counter;
static noinline void bump(void) { counter++; ext(); }
int caller(int a, int b, int c) { bump(); bump(); return a * 3 + b * 5 + c; }
