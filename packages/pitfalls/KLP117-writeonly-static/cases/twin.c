// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: somebody reads it already, so it exists. */
static unsigned long last_seen;
void note(unsigned long now) { last_seen = now; ext(); }
unsigned long seen(void) { return last_seen; }
