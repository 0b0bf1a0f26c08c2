// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int max_frags(void) { return 16; }
int queue(int n) { if (n > max_frags()) return -22; return ext_int(n); }
/* not a constant: an ordinary helper that the optimiser turns into one min() */
static int clamp_len(int len) { if (len > 4000) return 4000; return len; }
int rx(int len) { return ext_int(clamp_len(len)); }
