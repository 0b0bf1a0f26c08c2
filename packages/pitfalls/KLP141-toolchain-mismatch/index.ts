import type { Pitfall } from '../src/pitfall.ts';
import { codeFlags, commentsOf, producerOf } from '../src/toolchain.ts';
import { list } from '../src/words.ts';

/** Another compiler, or other flags. */
export const klp141: Pitfall = {
  id: 'KLP141',
  name: 'toolchain-mismatch',
  title: 'Another compiler, or other flags',
  severity: 'error',
  statement:
    'With another compiler, or one flag more or less, functions that nobody touched come out otherwise, so the difference between before and after is not that of the fix, and what was compiled is not what runs.',
  seen: 'gcc-11 and clang-19 against gcc-12, and eight of eleven flags; Debian 6.1 was built by one version of gcc throughout',
  safeWay:
    'Build with the compiler that built the kernel, to the package version, and with its flags. klpkit asks for that compiler and compares what it made with what was shipped, byte by byte.',
  foundBy: ['match'],
  unit: {
    needs: [],
    *find({ comparison, kernel, found }) {
      const [before, after] = [comparison.before.elf, comparison.after.elf];
      const [was, is] = [commentsOf(before).join(' and '), commentsOf(after).join(' and ')];
      if (was !== is) {
        // The comparison may have said so itself.
        if (found.some(({ id }) => id === 'KLP141')) return;
        yield {
          what: `the two sides come from different compilers: ${was || 'an unnamed one'} before, ${is || 'an unnamed one'} after`,
          why: 'the same source gives other code then, so most differences have nothing to do with the fix',
          next: 'compile both sides with the compiler of the kernel',
          evidence: ['.comment of both objects'],
        };
        return;
      }
      const [had, has] = [codeFlags(producerOf(before)), codeFlags(producerOf(after))];
      if (had && has && had.join(' ') !== has.join(' ')) {
        const gone = had.filter((flag) => !has.includes(flag));
        const come = has.filter((flag) => !had.includes(flag));
        yield {
          what: `the two sides were compiled with different flags: ${list([...gone.map((flag) => `${flag} only before`), ...come.map((flag) => `${flag} only after`)])}`,
          why: 'a flag changes the code of functions that the fix does not touch',
          next: 'compile both sides with the flags of the kernel',
          evidence: ['DW_AT_producer of both objects'],
        };
      }
      const text = kernel?.compiler;
      if (text === undefined || was === '' || isOf(text, commentsOf(before))) return;
      yield {
        what: `the unit was compiled by ${was}, the kernel ${kernel?.release} by ${text}`,
        why: 'what was compiled is not what runs, so a difference between the two would not be that of the fix',
        next: 'install the compiler of the kernel',
        evidence: ['.comment of the before object', 'CONFIG_CC_VERSION_TEXT of the kernel'],
      };
    },
  },
  livepatch: {
    needs: ['kernel'],
    *find({ elf, kernel }) {
      const text = kernel?.compiler;
      const comments = commentsOf(elf);
      if (text === undefined || comments.length === 0 || isOf(text, comments)) return;
      yield {
        severity: 'warning',
        what: `the module was compiled by ${list(comments)}, the kernel ${kernel?.release} by ${text}`,
        why: 'code that was cut out of a comparison with another compiler holds differences that are not those of the fix; code that was written by hand does not suffer',
        next: 'build it with the compiler of the kernel, unless it was written by hand',
        certainty: 'likely',
        evidence: ['.comment of the module', 'CONFIG_CC_VERSION_TEXT of the kernel'],
      };
    },
  },
};

/** True when the versions in `.comment` are those of the kernel's compiler, package version and all. Names differ: `gcc-12`, `GCC:`. */
function isOf(text: string, comments: readonly string[]): boolean {
  const version = /\(.*$|\bversion .*$/.exec(text)?.[0] ?? text;
  return comments.every((comment) => comment.includes(version) || text.includes(comment));
}
