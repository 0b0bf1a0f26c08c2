// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the body calls something, so the copy in queue() is more than a number. */
static int max_frags(int n) { if (n > 3) return ext_int(16); return n; }
int queue(int n) { if (n > max_frags(n)) return -22; return ext_int(n); }
