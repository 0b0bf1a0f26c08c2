import { livepatched, referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Section anchors. */
export const klp140: Pitfall = {
  id: 'KLP140',
  name: 'section-anchors',
  title: 'Several variables reached from one address',
  severity: 'warning',
  statement:
    'On s390x, arm64 and ppc64le gcc may load the address of one place in .data and reach several variables from there, so neither the relocation nor its symbol says which variable is meant.',
  seen: 'gcc-12 for s390x and aarch64 without -fdata-sections; not on x86-64',
  safeWay:
    'Compile both sides with -fdata-sections, which gives each variable a section of its own, and with -fno-section-anchors.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after } = comparison;
      if (!after.arch.hasAnchors) return;
      for (const piece of livepatched(comparison)) {
        const sections = referencesOf(after, piece).flatMap(({ target }) => {
          if (target.kind !== 'piece' || target.piece.kind !== 'object') return [];
          const { section } = target.piece;
          const kind = after.kindOf(section);
          return (kind === 'data' || kind === 'bss') && /^\.(data|bss)$/.test(section.name) ? [section] : [];
        });
        for (const section of new Set(sections)) {
          const variables = after.piecesIn(section).map(({ name }) => name);
          if (variables.length < 2) continue;
          yield {
            what: `${piece.name} uses ${section.name}, where ${list(unique(variables))} lie together`,
            why: 'one address may serve for all of them, so which variable the code means cannot be told, and a moved one looks like a change',
            next: 'compile both sides with -fdata-sections -fno-section-anchors',
            evidence: ['relocations of the fixed object'],
            at: { symbol: piece.name, section: section.name },
          };
        }
      }
    },
  },
};
