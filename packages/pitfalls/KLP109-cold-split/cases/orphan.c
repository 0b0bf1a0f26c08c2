// SPDX-License-Identifier: MIT
#include "klpmin.h"
int work(int n) { return ext_int(n); }
