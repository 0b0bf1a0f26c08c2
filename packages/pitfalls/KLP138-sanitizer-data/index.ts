import { livepatched, referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Data of sanitizers. */
export const klp138: Pitfall = {
  id: 'KLP138',
  name: 'sanitizer-data',
  title: 'Data that sanitizers add',
  severity: 'warning',
  statement:
    'KASAN and UBSAN describe variables and source places in unnamed, writable data and in constructors, which every edit of the unit renumbers; none of it may be taken for the same thing before and after.',
  seen: 'gcc-12 with KASAN, UBSAN and KCOV; clang-19 with KASAN',
  safeWay:
    'Let the livepatch bring such data along with the code that uses it. For production build against the production kernel, which has no sanitizers.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after } = comparison;
      const users = new Map<string, string[]>();
      for (const piece of livepatched(comparison))
        for (const { target } of referencesOf(after, piece)) {
          const place =
            target.kind === 'piece'
              ? target.piece.section.name
              : target.kind === 'place'
                ? target.section.name
                : '';
          const name = target.kind === 'external' ? target.name : place;
          for (const [sanitizer, pattern] of traces)
            if (pattern.test(name)) users.set(sanitizer, [...(users.get(sanitizer) ?? []), piece.name]);
        }
      for (const [sanitizer, names] of [...users].sort(([a], [b]) => (a < b ? -1 : 1)))
        yield {
          severity: 'note',
          what: `${list(unique(names))} ${unique(names).length === 1 ? 'is' : 'are'} compiled for ${sanitizer}`,
          why: 'the data that describes the code to it has neither names nor stable numbers; the livepatch brings its own, and that of the running kernel stays as it is',
          evidence: ['sections and undefined symbols of the fixed object'],
          at: { symbol: unique(names)[0] },
        };
    },
  },
};

/** Sections and functions by which the code of each sanitizer is known (gcc's asan.cc, ubsan.cc; clang's ModuleSanitizerCoverage). */
const traces: readonly (readonly [string, RegExp])[] = [
  ['KASAN', /^__asan_(load|store|register|handle|report)|^__hwasan_|^\.data\.\.LASAN/],
  ['KCOV', /^__sanitizer_cov_/],
  ['UBSAN', /^__ubsan_handle_|^\.data\.\.Lubsan_/],
];
