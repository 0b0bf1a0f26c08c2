import { reachedCalls } from '../src/module-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

const isFree = (name: string) => name === 'klp_shadow_free' || name === 'klp_shadow_free_all';

/** Shadow variables that nobody frees, or that are freed too early. */
export const klp219: Pitfall = {
  id: 'KLP219',
  name: 'shadow-leak',
  title: 'Shadow variables are never freed, or freed while in use',
  severity: 'warning',
  statement:
    'Nothing frees shadow variables when their parent, the livepatch or its module goes; freeing them in the exit of a livepatch that another one has replaced takes the data from under the new one.',
  seen: 'at run time on Linux 6.1 and 6.12: still there in the exit of the module',
  safeWay:
    'Free a shadow variable where its parent is freed, and all that are left in post_unpatch, which does not run when the livepatch is replaced.',
  livepatch: {
    needs: ['code', 'operands'],
    *find({ livepatch, model }) {
      const imports = new Set(livepatch.undefinedSymbols.map(({ name }) => name));
      const makers = ['klp_shadow_alloc', 'klp_shadow_get_or_alloc'].filter((name) => imports.has(name));
      if (makers.length > 0 && ![...imports].some(isFree))
        yield {
          what: `the livepatch calls ${list(makers)} and never frees a shadow variable`,
          why: 'they outlive their parents, and a new object at the address of an old one inherits its shadow variable',
          next: 'call klp_shadow_free() where the parent is freed, and klp_shadow_free_all() in post_unpatch',
          certainty: 'likely',
          evidence: ['imported symbols'],
        };
      const exit = model?.named('cleanup_module').find(({ kind }) => kind === 'function');
      const freed = exit && model ? reachedCalls(model, exit).filter(({ name }) => isFree(name)) : [];
      if (freed.length > 0)
        yield {
          what: `the exit of the module calls ${list(unique(freed.map(({ name }) => name)))}`,
          why: 'it also runs after another livepatch has replaced this one, and takes the data from under the new one',
          next: 'free in post_unpatch, which does not run for a livepatch that is replaced',
          certainty: livepatch.patch?.replace ? 'certain' : 'likely',
          evidence: ['code of the module'],
          at: { section: freed[0].from.section.name, offset: freed[0].offset, symbol: 'cleanup_module' },
        };
    },
  },
};
