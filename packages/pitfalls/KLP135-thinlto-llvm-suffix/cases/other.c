// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int api(int x);
int user(int x) { return api(x) + api(x * 2); }
