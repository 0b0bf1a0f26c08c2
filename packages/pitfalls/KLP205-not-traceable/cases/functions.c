// SPDX-License-Identifier: MIT
#include "klpmin.h"
int loud(int x) { return ext_int(x) + 1; }
notrace int quiet(int x) { return ext_int(x) + 2; }
