// SPDX-License-Identifier: MIT
struct opaque;
struct pub { int a; struct opaque *o; };
int pub_get(struct pub *p, int flags) { return p->a & flags; }	/* real ABI change */
#ifdef __GENKSYMS__
__GENKSYMS_EXPORT_SYMBOL(pub_get);
#endif
