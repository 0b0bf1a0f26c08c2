import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** `struct kprobe` (include/linux/kprobes.h), 6.1 and 6.12: from symbol_name to post_handler. */
const toPostHandler = 24;

/** Somebody else who diverts the same function. */
export const klp221: Pitfall = {
  id: 'KLP221',
  name: 'ipmodify-users',
  title: 'A kprobe with a post_handler and a livepatch exclude each other',
  severity: 'warning',
  statement:
    'Only one user of ftrace may change where a function goes on; a kprobe with a post_handler counts as such a user, so either the livepatch or the kprobe on the same function is refused with EBUSY. A kprobe without one is not.',
  seen: 'at run time on Linux 6.1 and 6.12: EBUSY, failed to register ftrace handler for function',
  safeWay:
    'Remove such probes before the livepatch is loaded (/sys/kernel/debug/kprobes/list shows them), and place them elsewhere afterwards.',
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model }) {
      const imports = livepatch.undefinedSymbols.some(({ name }) => /^register_kprobes?$/.test(name));
      if (!imports || !model) return;
      for (const piece of model.pieces) {
        if (piece.kind !== 'object') continue;
        const references = model.referencesOf(piece);
        const isFunction = (offset: number) =>
          references.some(
            ({ offset: at, target }) =>
              at === offset && target.kind === 'piece' && target.piece.kind === 'function',
          );
        for (const { offset, target } of references) {
          if (target.kind !== 'string' || !isFunction(offset + toPostHandler) || isFunction(offset + 8))
            continue;
          const name = target.bytes.split('\0')[0];
          const replaced = replacements(livepatch).find(({ oldName }) => oldName === name);
          if (!replaced) continue;
          yield {
            what: `the kprobe ${piece.name} on ${name} has a post_handler, and the livepatch replaces ${name}`,
            why: 'each wants to say where the function goes on: whoever comes second gets EBUSY',
            next: 'do without the post_handler, or probe the new function',
            evidence: ['data of the module'],
            at: { symbol: piece.name },
          };
        }
      }
    },
  },
};
