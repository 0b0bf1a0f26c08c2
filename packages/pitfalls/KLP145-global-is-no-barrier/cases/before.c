// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* global, imagine EXPORT_SYMBOL_GPL(lookup) */
int lookup(int k) { return k & 7; }
int user(int k) { return lookup(k) + 1; }
