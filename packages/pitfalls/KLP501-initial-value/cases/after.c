// SPDX-License-Identifier: MIT
#include "klpmin.h"
int sysctl_limit = 1000;
static bool enabled = 1;			/* .bss */
int get(void) { return sysctl_limit + enabled; }
void tune(int l, bool e) { sysctl_limit = l; enabled = e; }
