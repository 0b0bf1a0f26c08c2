import type { Edit } from '@klpkit/pitfalls';
import { functionAround } from '../fix/around.ts';
import type { FixedFile } from '../fix/index.ts';
import { editsOf, linesOf } from '../report/edits.ts';

/** What a fix changes in the text of its files, in the order of the files and of the lines. */
export function editsOfFix(files: readonly FixedFile[]): Edit[] {
  return files.flatMap(({ path, before = '', after = '' }) => {
    const [old, now] = [linesOf(before), linesOf(after)];
    return editsOf(before, after).map((edit) => {
      const inside = functionAround(now, edit.after.first) ?? functionAround(old, edit.before.first);
      return {
        path,
        line: edit.after.first,
        removed: old.slice(edit.before.first - 1, edit.before.last),
        added: now.slice(edit.after.first - 1, edit.after.last),
        ...(inside ? { inside } : {}),
      };
    });
  });
}
