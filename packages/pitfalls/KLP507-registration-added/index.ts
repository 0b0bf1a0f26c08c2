import { SHF } from '@klpkit/formats';
import type { Pitfall } from '../src/pitfall.ts';

/** Sections whose entries the kernel reads when it boots or a module of its own loads, and what they hold. */
const sections: readonly (readonly [RegExp, string, string])[] = [
  [/^__param$/, 'module parameters', 'they are parameters of the livepatch, not of what it patches'],
  [
    /^(___?ksymtab(_gpl)?(\+.*)?|__kcrctab(_gpl)?)$/,
    'exported symbols',
    'other modules then depend on the livepatch and keep it from being unloaded',
  ],
  [/^\.initcall/, 'initcalls', 'the kernel runs them at boot alone, never for a module'],
  [/^\.init\.setup$/, 'handlers of boot parameters', 'the kernel looks for them at boot alone'],
  [/^__syscalls_metadata$/, 'descriptions of system calls', 'the kernel collects them at boot alone'],
];

/** Module parameters, sysctl tables, initcalls, exports added by a patch. */
export const klp507: Pitfall = {
  id: 'KLP507',
  name: 'registration-added',
  title: 'Parameters, initcalls, exports and other registrations that a fix adds',
  severity: 'error',
  statement:
    'The kernel collects such entries when it boots or when the module that they belong to loads; a livepatch comes later, so an entry that a fix adds is never registered, and one that it changes stays as it was.',
  seen: 'by the source of Linux 6.1 and 6.12',
  safeWay: 'Register from a callback or from the first run of a new function, and undo it in post_unpatch.',
  foundBy: ['compare', 'extract'],
  livepatch: {
    needs: [],
    *find({ elf }) {
      for (const section of elf.sections) {
        if (!(section.flags & SHF.ALLOC) || section.size === 0) continue;
        const found = sections.find(([pattern]) => pattern.test(section.name));
        if (!found) continue;
        yield {
          severity: 'warning',
          certainty: 'likely',
          what: `the livepatch brings ${found[1]} in ${section.name}`,
          why: found[2],
          next: 'leave them out, or register what they stand for from a callback',
          evidence: ['sections of the module'],
          at: { section: section.name },
        };
      }
    },
  },
};
