// SPDX-License-Identifier: MIT
/* the "kernel header" shared by many units; AFTER selects the fixed version */
struct buf { int len, cap; char *p; };
#ifndef AFTER
static inline int buf_room(const struct buf *b) { return b->cap - b->len; }
#else
static inline int buf_room(const struct buf *b) { return b->len < b->cap ? b->cap - b->len : 0; }
#endif
