// SPDX-License-Identifier: MIT
#include "klpmin.h"
int f(int x) { return ext_int(x) + 2; }
int (*fp)(int) = f;
