// SPDX-License-Identifier: MIT
struct opaque;
struct pub { int a; struct opaque *o; };
int pub_get(struct pub *p) { return p->a; }
#ifdef __GENKSYMS__
__GENKSYMS_EXPORT_SYMBOL(pub_get);
#endif
