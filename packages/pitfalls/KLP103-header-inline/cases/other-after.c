// SPDX-License-Identifier: MIT
#define AFTER
#include "klpmin.h"
#include "buf.h"
int user_b(struct buf *b) { return ext_int(buf_room(b)); }
/* address taken: this unit keeps a private out-of-line copy, without fentry in kernels
 * whose `inline` implies notrace */
int (*room_fn)(const struct buf *) = buf_room;
