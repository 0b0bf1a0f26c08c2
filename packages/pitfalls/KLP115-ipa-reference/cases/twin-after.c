// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int state, stats;
noinline void account(int n) { stats += n; if (stats > 100) stats = 0; }
int delta(int n) { int a = state; account(n); account(n + 1); return a - state; }
void set_state(int v) { state = v; }
int get_stats(void) { return stats; }
