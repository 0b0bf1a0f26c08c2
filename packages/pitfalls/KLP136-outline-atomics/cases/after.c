// SPDX-License-Identifier: MIT
#include "klpmin.h"
int v;
int get(void) { return __atomic_fetch_add(&v, 1, __ATOMIC_SEQ_CST); }
