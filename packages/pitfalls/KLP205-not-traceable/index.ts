import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** A function that ftrace cannot divert. */
export const klp205: Pitfall = {
  id: 'KLP205',
  name: 'not-traceable',
  title: 'The function to replace has no ftrace site',
  severity: 'error',
  statement:
    'The kernel diverts a function by the call of __fentry__ at its beginning; notrace functions, init code, assembly and data have none, and the whole livepatch is refused.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL, failed to find location for function',
  safeWay: 'Replace the callers of such a function instead.',
  foundBy: ['rules'],
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      for (const { object, oldName, sympos } of replacements(livepatch)) {
        const symbol = kernel?.symbols(object, oldName)?.[Math.max(1, sympos) - 1];
        if (!symbol || /[tTwW]/.test(symbol.type)) continue;
        yield {
          what: `${oldName} of ${object} is data, not a function`,
          why: 'the kernel finds the name, and then no ftrace site behind it',
          next: 'to change a variable, write it from a callback; only functions can be replaced',
          evidence: ['symbol table of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
