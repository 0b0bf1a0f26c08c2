// SPDX-License-Identifier: MIT
#include "klpmin.h"
int rx(int len) { return ext_int(len); }
