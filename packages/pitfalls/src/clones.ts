/** The name that the source gives a function, without what the compiler appended: `foo` of `foo.isra.0.cold`. */
export function sourceName(name: string): string {
  const dot = name.indexOf('.', 1);
  return dot < 0 ? name : name.slice(0, dot);
}

/** What gcc calls the versions of a function that it makes beside or instead of the one in the source. */
export type CloneKind = 'part' | 'isra' | 'constprop';

/** One of gcc's clones: `foo.constprop.0.isra.0` is both kinds. */
export interface Clone {
  readonly source: string;
  readonly kinds: readonly CloneKind[];
  /** The highest number in the name. */
  readonly number: number;
}

/** Takes the name of a clone apart; `undefined` when it is not one. A cold part of a clone is not one either. */
export function cloneOf(name: string): Clone | undefined {
  const found = [...name.matchAll(/\.(part|isra|constprop)\.(\d+)/g)];
  if (found.length === 0 || /\.cold(\.\d+)?$/.test(name)) return undefined;
  return {
    source: sourceName(name),
    kinds: found.map((match) => match[1] as CloneKind),
    number: Math.max(...found.map((match) => Number(match[2]))),
  };
}

/** True when a name is that of a clone of one kind. */
export function isClone(name: string, kind: CloneKind): boolean {
  return cloneOf(name)?.kinds.includes(kind) === true;
}
