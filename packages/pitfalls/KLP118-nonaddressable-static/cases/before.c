// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int quota;
void set_quota(int v) { quota = v; }
/* *p cannot alias quota, so quota is read once */
int charge(int *p, int n) { int a = quota; *p = n; return a + quota; }
