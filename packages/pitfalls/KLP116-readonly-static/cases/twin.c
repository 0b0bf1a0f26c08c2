// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the variables are the fix's own, and everybody who uses them is new. */
int retry(int n) { return n < 4 ? ext_int(n) : -110; }
int trace(int n) { return ext_int(n); }
