import type { Piece } from '@klpkit/compare';
import type { CallbackName } from '@klpkit/livepatch';

/** What the author of a fix says in one unit about the livepatch. */
export interface Annotations {
  readonly callbacks: readonly AnnotatedCallback[];
  readonly states: readonly AnnotatedState[];
  readonly ignored: readonly Ignored[];
}

/** A callback of the object that the unit belongs to. */
export interface AnnotatedCallback {
  readonly kind: CallbackName;
  /** The function of the after object. */
  readonly piece: Piece;
}

/** A `klp_state` of the livepatch. */
export interface AnnotatedState {
  readonly id: number;
  readonly version: number;
}

/** What the author leaves out, and why. */
export interface Ignored {
  readonly what: 'function' | 'section';
  readonly name: string;
  readonly reason: string;
}
