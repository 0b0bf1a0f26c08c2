import { callbacksOf, codeOfCallback } from '../src/callbacks.ts';
import { reachedCalls } from '../src/module-calls.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** What should happen once and is undone by its counterpart. */
const once =
  /^(klp_shadow_alloc|_*register_|_*cpuhp_setup|add_timer|kthread_create|alloc_|_*(alloc_)?workqueue|proc_create|device_create|debugfs_create|misc_register|k[mz]alloc|_*kmalloc|v[mz]alloc|kmem_cache_create)/;

/** Callbacks of a module follow the module's life. */
export const klp213: Pitfall = {
  id: 'KLP213',
  name: 'callbacks-run-again',
  title: 'Callbacks of a module run again each time it is loaded',
  severity: 'warning',
  statement:
    'The callbacks of a klp_object for a module run when the livepatch is enabled and again whenever the module comes or goes, before the init of the module has run.',
  seen: 'at run time on Linux 6.1 and 6.12: pre_unpatch and post_unpatch at rmmod, pre_patch and post_patch before the init at insmod',
  safeWay:
    'Make them fit to run many times: undo in post_unpatch what pre_patch did, and touch nothing that the init of the module sets.',
  livepatch: {
    needs: ['tables', 'code', 'operands'],
    *find({ livepatch, model }) {
      const callbacks = callbacksOf(livepatch).filter(({ isVmlinux }) => !isVmlinux);
      for (const object of unique(callbacks.map((callback) => callback.object))) {
        const own = callbacks.filter((callback) => callback.object === object);
        const names = own.map(({ name }) => name);
        const calls = own
          .filter(({ name }) => name === 'pre_patch' || name === 'post_patch')
          .flatMap((callback) => {
            const code = model && codeOfCallback(model, callback);
            return code ? reachedCalls(model, code).map((call) => call.name) : [];
          })
          .filter((name) => once.test(name));
        const isUndone = names.some((name) => name.endsWith('_unpatch'));
        yield calls.length > 0 && !isUndone ? again(object, names, unique(calls)) : follows(object, names);
      }
    },
  },
};

function again(object: string, names: string[], calls: string[]): Observation {
  return {
    what: `${list(names)} of ${object} calls ${list(calls)}, and no callback undoes it`,
    why: `it runs again each time ${object} is loaded, and does it once more`,
    next: 'undo it in post_unpatch, or find out first whether it is done already',
    certainty: 'likely',
    evidence: ['klp_object', 'code of the callbacks'],
  };
}

function follows(object: string, names: string[]): Observation {
  return {
    severity: 'note',
    what: `${list(names)} of ${object} will run each time ${object} comes or goes`,
    why: 'when it comes, they run before its init',
    next: 'see that they can run many times, and that they touch nothing that the init sets',
    evidence: ['klp_object'],
  };
}
