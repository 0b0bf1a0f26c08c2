import type { Pitfall } from '../src/pitfall.ts';

/** Section anchors. */
export const klp140: Pitfall = {
  id: 'KLP140',
  name: 'section-anchors',
  title: 'Section anchors',
  severity: 'warning',
  statement:
    'On s390x and arm64 GCC may address several statics from one anchor, hiding which variable is used.',
  seen: 's390x and aarch64 gcc-12; -fdata-sections removes it in these examples; not x86',
  safeWay: 'Build both sides with -fdata-sections -fno-section-anchors.',
};
