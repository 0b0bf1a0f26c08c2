// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "buf.h"
/* stands for one of many files that include the same header */
int user_a(struct buf *b) { return buf_room(b) > 8 ? ext_int(1) : 0; }
