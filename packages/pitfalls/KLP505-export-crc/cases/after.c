// SPDX-License-Identifier: MIT
struct opaque;
struct pub { int a; struct opaque *o; };
int pub_get(struct pub *p, int flags) { return p->a & flags; }	/* real ABI change */
__KSYMTAB_EXPORT(pub_get)
