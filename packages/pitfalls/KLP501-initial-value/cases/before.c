// SPDX-License-Identifier: MIT
#include "klpmin.h"
int sysctl_limit = 100;
static bool enabled;			/* .bss */
int get(void) { return sysctl_limit + enabled; }
void tune(int l, bool e) { sysctl_limit = l; enabled = e; }
