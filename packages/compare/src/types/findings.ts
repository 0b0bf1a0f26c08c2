import type { Certainty, Finding } from '@klpkit/findings';
import type { TypeSource } from './compare.ts';
import type { EnumChange } from './enums.ts';
import { type LayoutChange, nameOfType } from './layouts.ts';

/** What is known of a changed type beyond the two compilations. */
export interface TypeFacts {
  /** Where the types of both sides are from; BTF unless told otherwise. */
  readonly from?: TypeSource;
  /** Who else relies on it, as the end of a sentence: `3 functions take it (…)`; absent where that was not looked for. */
  readonly users?: string;
  /** What else the finding rests on, in words. */
  readonly evidence?: readonly string[];
  /** Set where no object of it outlives a call, as far as can be told: what is assumed, in words. */
  readonly assumed?: string;
  readonly certainty?: Certainty;
  /** The source that defines it, relative to the tree. */
  readonly file?: string;
}

const fromBoth = ({ from = 'BTF' }: TypeFacts) => `types that the compiler wrote for both sides (${from})`;

/** KLP502 for a structure, union or named aggregate: an error, or a note for a type of which no object outlives a call. */
export function layoutFinding(change: LayoutChange, facts: TypeFacts = {}): Finding {
  const name = nameOfType(change);
  const held = change.holders.length > 0 ? `; so does what holds one: ${list(change.holders)}` : '';
  const common = {
    id: 'KLP502',
    what: `${name} changes its layout: ${change.difference}${held}`,
    at: { ...(facts.file === undefined ? {} : { file: facts.file }), symbol: change.name },
    evidence: [fromBoth(facts), ...(facts.evidence ?? [])],
  };
  if (facts.assumed !== undefined)
    return {
      ...common,
      severity: 'note',
      why: `no object of it is expected to outlive a call of the functions that are replaced: ${facts.assumed}`,
      next: `nothing, if that holds; else keep the layout and attach what is new with a shadow variable`,
      certainty: 'likely',
    };
  return {
    ...common,
    severity: 'error',
    why: `objects that the running kernel made before the livepatch, and code that stays unpatched, have the old layout${relied(facts)}`,
    next: `keep the layout and attach what is new with a shadow variable; when no ${name} outlives a call of the patched functions, override KLP502 with that reason`,
    ...(facts.certainty ? { certainty: facts.certainty } : {}),
  };
}

/** KLP504 for enumerators: an error, or a warning when new ones were put before those that only count. */
export function enumFinding(change: EnumChange, facts: TypeFacts = {}): Finding {
  const { name, changed, sizes, added, isAppended } = change;
  const of = name === '' ? 'an unnamed enumeration' : `enum ${name}`;
  const moved = changed.map((each) => `${each.name} from ${each.before} to ${each.after}`);
  const width = sizes ? `its objects from ${sizes.before} to ${sizes.after} bytes` : undefined;
  const told = list([...moved, ...(width === undefined ? [] : [width])]);
  const common = {
    id: 'KLP504',
    at: {
      ...(facts.file === undefined ? {} : { file: facts.file }),
      symbol: changed[0]?.name ?? name,
    },
    evidence: [fromBoth(facts), ...(facts.evidence ?? [])],
    ...(facts.certainty ? { certainty: facts.certainty } : {}),
  };
  if (isAppended && !sizes)
    return {
      ...common,
      severity: 'warning',
      what: `${of} gets ${list(added)} at its end, which moves ${told}`,
      why: `arrays and checks that the running kernel made with the old end are not for the new values${relied(facts)}`,
      next: 'make sure that no unpatched code sees a new value, and no array is indexed with one',
    };
  return {
    ...common,
    severity: 'error',
    what: `${of} changes ${told}`,
    why: `the values are compiled into every user and stored in objects of the running kernel${relied(facts)}`,
    next: 'append new enumerators instead of inserting them; when no unpatched code and no stored value knows the old ones, override KLP504 with that reason',
  };
}

function relied({ users }: TypeFacts): string {
  return users === undefined ? '' : `; ${users}`;
}

function list(words: readonly string[]): string {
  return words.slice(0, 4).join(', ') + (words.length > 4 ? ` and ${words.length - 4} more` : '');
}
