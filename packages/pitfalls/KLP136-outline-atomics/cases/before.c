// SPDX-License-Identifier: MIT
#include "klpmin.h"
int v;
int get(void) { return v; }
