// SPDX-License-Identifier: MIT
#include "klpmin.h"
int rx(const int *p) { return *p; }
