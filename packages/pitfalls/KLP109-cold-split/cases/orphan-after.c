// SPDX-License-Identifier: MIT
#include "klpmin.h"
int work(int n) { return ext_int(n); }
/* No compiler makes this: a cold part of nothing. */
asm(".pushsection .text.unlikely,\"ax\"\n.type other.cold, @function\nother.cold: ret\n.size other.cold, 1\n.popsection");
