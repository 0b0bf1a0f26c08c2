import { callbacksOf, codeOfCallback } from '../src/callbacks.ts';
import { alwaysReturnsZero } from '../src/module-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** A pre_patch that can fail keeps a module from loading. */
export const klp212: Pitfall = {
  id: 'KLP212',
  name: 'pre-patch-failure',
  title: 'A failing pre_patch keeps the module from loading',
  severity: 'warning',
  statement:
    'When a module is loaded while the livepatch is enabled, an error of its pre_patch callback is the error of loading the module: the driver cannot be used until the livepatch is gone.',
  seen: 'at run time on Linux 6.1 and 6.12: refusing to load module, ENODEV from pre_patch',
  safeWay: 'Return an error only where losing the driver is better than running it without the fix.',
  livepatch: {
    needs: ['tables', 'code', 'operands'],
    *find({ livepatch, model }) {
      for (const callback of callbacksOf(livepatch)) {
        if (callback.isVmlinux || callback.name !== 'pre_patch' || !model) continue;
        const code = codeOfCallback(model, callback);
        if (code && alwaysReturnsZero(model, code)) continue;
        yield {
          what: `pre_patch of ${callback.object} (${callback.symbol}) can return an error`,
          why: `while the livepatch is enabled, that error keeps ${callback.object} from being loaded`,
          next: 'return 0 wherever the module may do without the fix',
          certainty: 'likely',
          evidence: ['klp_object', 'code of the callback'],
          at: { symbol: callback.symbol },
        };
      }
    },
  },
};
