// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int a = 1, b = 2, c = 3;
int get(int i) { a += i; b += i; c += i; return a + b + c + 1; }
