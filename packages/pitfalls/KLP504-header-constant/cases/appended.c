// SPDX-License-Identifier: MIT
#include "klpmin.h"
enum state { ST_IDLE, ST_BUSY, ST_DEAD, ST_WAIT };
int alive(enum state s) { return s != ST_DEAD; }
int idle(enum state s) { return s == ST_IDLE; }
