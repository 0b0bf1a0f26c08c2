import type { Expansion } from './expansion.ts';
import { neededHeaders } from './headers.ts';
import type { Part, UnitText } from './model.ts';
import type { SourcePlan } from './plan.ts';
import { tokensOf } from './tokens.ts';

/** Names in what the kept parts become. */
export function usedWords(plan: SourcePlan): Set<string> {
  return new Set([...plan.modes.keys()].flatMap((part) => wordsIn(part.expanded)));
}

/** The `#include`s behind the first code of a unit. */
export function lateIncludes({ parts }: UnitText): Part[] {
  const first = parts.findIndex(({ item, fromHeader }) => item.kind === 'code' && !fromHeader);
  return parts.filter(({ item }, index) => item.word === 'include' && first >= 0 && index > first);
}

/**
 * `#include`s in the middle of a source that bring nothing that is used: templates, whose functions use those of the source under their
 * own names.
 */
export function templatesIn(
  expansion: Expansion,
  text: UnitText,
  plan: SourcePlan,
  missed: ReadonlySet<string>,
): Set<Part> {
  const late = lateIncludes(text);
  if (late.length === 0) return new Set();
  const all = expansion.brought();
  const keyOf = ({ item }: Part) => `${item.file}:${item.line}`;
  const brought = new Map(
    late.flatMap((part) => {
      const brings = all.get(keyOf(part));
      return brings ? [[keyOf(part), brings] as const] : [];
    }),
  );
  const needed = neededHeaders(brought, [...usedWords(plan), ...missed]);
  return new Set(late.filter((part) => !needed.has(keyOf(part))));
}

/** Names in a text, and keys of tags; those in directives as well. */
export function wordsIn(text: string): string[] {
  const words: string[] = [];
  for (const { kind, text: word } of tokensOf(text)) {
    if (kind === 'name') words.push(word, `tag ${word}`);
    else if (kind === 'directive' && !/^#\s*include/.test(word)) words.push(...wordsIn(word.slice(1)));
  }
  return words;
}
