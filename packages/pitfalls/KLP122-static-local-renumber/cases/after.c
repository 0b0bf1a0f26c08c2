// SPDX-License-Identifier: MIT
#include "klpmin.h"
int f(int x) { static int count; count += x; return ext_int(count); }
int g(int x) { static int count = 5; count ^= x; return ext_int(count); }
int n(int x) { static int count; count -= x; return ext_int(count); }
