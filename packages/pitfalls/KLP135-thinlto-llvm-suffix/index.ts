import type { Pitfall } from '../src/pitfall.ts';

/** ThinLTO promotion (.llvm.<hash>). */
export const klp135: Pitfall = {
  id: 'KLP135',
  name: 'thinlto-llvm-suffix',
  title: 'ThinLTO promotion (.llvm.<hash>)',
  severity: 'warning',
  statement:
    'Statics imported by another file become globals foo.llvm.<hash>; the hash changes with any edit of the file and whether the suffix exists depends on other files.',
  seen: 'clang-14/19 + lld',
  safeWay: 'Diff linked vmlinux.o; never write the suffix in sources.',
};
