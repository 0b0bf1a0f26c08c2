// SPDX-License-Identifier: MIT
#include "klpmin.h"
static unsigned long last_seen;
void note(unsigned long now) { last_seen = now; ext(); }
