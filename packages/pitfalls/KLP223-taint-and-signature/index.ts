import { splitSignature } from '@klpkit/formats';
import type { Pitfall } from '../src/pitfall.ts';

/** An unsigned livepatch. */
export const klp223: Pitfall = {
  id: 'KLP223',
  name: 'taint-and-signature',
  title: 'Loading taints the kernel, and an unsigned module may be refused',
  severity: 'note',
  statement:
    'Every livepatch taints the kernel with K, and with E when it is not signed by a key that the kernel knows; under lockdown (secure boot) or module.sig_enforce an unsigned one is refused.',
  seen: 'at run time on Linux 6.1 and 6.12: taint 45056 (O, E and K) after loading an unsigned livepatch',
  safeWay: 'Sign the module as its very last change, with a key that the machines trust.',
  livepatch: {
    needs: [],
    *find({ bytes, kernel }) {
      const config = kernel?.config;
      if (splitSignature(bytes).signature) return;
      const isForced = config?.('CONFIG_MODULE_SIG_FORCE') === 'y';
      if (config && !isForced && config('CONFIG_MODULE_SIG') !== 'y') return;
      yield {
        severity: isForced ? 'error' : 'note',
        what: 'the module is not signed',
        why: isForced
          ? 'this kernel loads signed modules only'
          : 'the kernel takes the taint E beside K, and refuses the module under lockdown, as with secure boot',
        next: 'sign it with scripts/sign-file and a key that the machines trust, after everything else',
        evidence: ['end of the file', ...(config ? ['configuration of the kernel'] : [])],
      };
    },
  },
};
