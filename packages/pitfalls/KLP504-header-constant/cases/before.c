// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define MAX_FRAGS 17
enum { ST_IDLE, ST_BUSY, ST_DEAD };
int queue(int n) { return n > MAX_FRAGS ? -90 : ext_int(n); }
int alive(int s) { return s != ST_DEAD; }
int idle(int s) { return s == ST_IDLE; }
