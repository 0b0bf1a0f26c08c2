/** Parties side by side and what passes between them, from top to bottom. */
export interface Sequence {
  readonly lanes: readonly { readonly id: string; readonly label: string; readonly tone?: Tone }[];
  readonly steps: readonly SequenceStep[];
}

/** Colour by meaning: code of the kernel as shipped, code of the livepatch, machinery between them. */
export type Tone = 'old' | 'new' | 'core';

/** An arrow from lane to lane, or something that happens in one. Texts are short; `more` tells the rest in the list below. */
export type SequenceStep = { readonly text: string; readonly more?: string; readonly tone?: Tone } & (
  | { readonly from: string; readonly to: string }
  | { readonly in: string }
);

/** A transition as it was seen: see `Timeline` of a proof, whose JSON fits. */
export interface TransitionData {
  readonly livepatch: string;
  readonly direction: 'patching' | 'unpatching';
  readonly seconds: number;
  readonly firstPass?: { readonly tasks: number; readonly seconds: number };
  readonly tasks: readonly {
    readonly tid: number;
    readonly name: string;
    /** Seconds since the start at which it switched; absent when it never did. */
    readonly switched?: number;
    readonly reasons: readonly { readonly at: number; readonly text: string }[];
  }[];
}

/** What each function runs at a few moments: one column for each moment. */
export interface ReplaceData {
  readonly functions: readonly string[];
  readonly moments: readonly {
    readonly label: string;
    /** For each function the stack of who replaces it, the one that is used first; empty: the kernel's own code runs. */
    readonly stacks: readonly (readonly {
      readonly text: string;
      readonly kind: 'patch' | 'nop' | 'new';
    }[])[];
  }[];
}
