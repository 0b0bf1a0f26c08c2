/** What the author of a fix says about the livepatch in the fix itself: `<klpkit/livepatch.h>`. */
export { withoutIgnored } from './apply.ts';
export { readAnnotations } from './read.ts';
export type { AnnotatedCallback, AnnotatedState, Annotations, Ignored } from './types.ts';
