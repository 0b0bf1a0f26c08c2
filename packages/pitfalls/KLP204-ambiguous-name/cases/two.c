// SPDX-License-Identifier: MIT
#include "klpmin.h"
static noinline int state_show(char *text) { return ext_int(text[1]) + 2; }
int (*two)(char *) = state_show;
