import { type Fault, rebuild } from './fault.ts';

/** What is wrong when a load fails and the log does not say it, by errno. */
export const silentFaults: readonly (Fault & { readonly errno: string })[] = [
  {
    id: 'load-einval',
    severity: 'error',
    pitfall: 'KLP208',
    errno: 'EINVAL',
    what: 'the kernel refused the livepatch without a word',
    why: 'new_func is NULL, a named object has no funcs, or the module reached klp_enable_patch() twice',
    next: 'look at the klp_func and klp_object arrays with klpkit show',
  },
  {
    id: 'load-eexist',
    severity: 'error',
    pitfall: 'KLP214',
    errno: 'EEXIST',
    what: 'a module of that name is loaded already',
    next: 'give the livepatch a name of its own',
  },
  {
    id: 'load-ebusy',
    severity: 'error',
    pitfall: 'KLP210',
    errno: 'EBUSY',
    what: 'another livepatch is in transition',
    next: 'wait until the transition of the other is complete',
  },
  {
    id: 'load-enoexec',
    severity: 'error',
    pitfall: 'KLP224',
    errno: 'ENOEXEC',
    what: 'the kernel does not take the file for a module of its own',
    next: rebuild,
  },
  {
    id: 'load-eperm',
    severity: 'error',
    pitfall: 'KLP223',
    errno: 'EPERM',
    what: 'the kernel forbids loading this module',
    why: 'lockdown does, and its message may have been rate limited',
    next: 'sign the module: klpkit sign',
  },
  {
    id: 'load-ekeyrejected',
    severity: 'error',
    pitfall: 'KLP223',
    errno: 'EKEYREJECTED',
    what: 'the kernel takes only modules that are signed with a key it knows',
    next: 'sign the module: klpkit sign',
  },
];

/** What is wrong when the kernel refuses a write to a livepatch's files, of which it says nothing; by file and errno. */
export const refusedWrites: Readonly<Record<string, Fault>> = {
  'enabled EINVAL': {
    id: 'write-enabled-einval',
    severity: 'error',
    pitfall: 'KLP214',
    what: 'the livepatch is in that state already, or was disabled and is on its way out',
    next: 'load the module again to enable it once more',
  },
  'enabled EBUSY': {
    id: 'write-enabled-ebusy',
    severity: 'error',
    pitfall: 'KLP210',
    what: 'another livepatch is in transition',
    next: 'wait until the transition of the other is complete',
  },
  'force EINVAL': {
    id: 'write-force-einval',
    severity: 'error',
    pitfall: 'KLP215',
    what: 'there is no transition that could be forced',
    next: 'force only a transition that is under way, if at all',
  },
  'unload EAGAIN': {
    id: 'unload-eagain',
    severity: 'error',
    what: 'the livepatch is enabled or in transition',
    next: 'disable it and wait until it is gone from /sys/kernel/livepatch',
  },
};
