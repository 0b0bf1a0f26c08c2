// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Defines the function itself; the header has a stand-in for configurations without this file. */
struct buf { int len, cap; char *p; };
int buf_room(const struct buf *b) { return b->len < b->cap ? b->cap - b->len : 0; }
int user_c(struct buf *b) { return ext_int(buf_room(b)); }
