import { applyHunks, parsePatch } from '@klpkit/formats';
import { describe, expect, it } from 'vitest';
import { demoLine, demoPatch, demoSource } from './demo-fix.ts';
import { livepatchNames } from './livepatch-name.ts';

describe('the names of a livepatch', () => {
  it.each([
    ['fix.patch', 'livepatch_fix', 'livepatch-fix'],
    ['/some/where/0001-proc-Fix_it.patch', 'livepatch_proc_fix_it', 'livepatch-proc-fix-it'],
    ['livepatch-x.diff', 'livepatch_x', 'livepatch-x'],
    ['0002-.patch', 'livepatch_fix', 'livepatch-fix'],
    [
      'a-name-that-is-much-longer-than-any-module-of-the-kernel-may-have.patch',
      'livepatch_a_name_that_is_much_longer_than_any_module_of',
      'livepatch-a-name-that-is-much-longer-than-any-module-of',
    ],
  ])('of %s', (patch, module, file) => {
    expect(livepatchNames(undefined, patch)).toEqual({ module, file });
    expect(module.length, 'MODULE_NAME_LEN less the NUL').toBeLessThanOrEqual(55);
  });

  it('are those that the user gives, with or without the prefix', () => {
    const names = { module: 'livepatch_CVE_1', file: 'livepatch-CVE-1' };
    expect(livepatchNames('CVE-1', 'fix.patch')).toEqual(names);
    expect(livepatchNames('livepatch_CVE_1', 'fix.patch')).toEqual(names);
  });

  it.each(['', 'a b', 'ä', '../x', 'x'.repeat(46)])('cannot be made of %j', (name) => {
    expect(() => livepatchNames(name, 'fix.patch')).toThrow('cannot be the name of a livepatch');
  });
});

describe("the demo's fix", () => {
  const text = [
    'static int other(struct seq_file *m, void *v)',
    '{',
    '\treturn 0;',
    '}',
    '',
    'static int version_proc_show(struct seq_file *m, void *v)',
    '{',
    '\tsay(m);',
    '\treturn 0;',
    '}',
    '',
  ].join('\n');

  it('adds one line before the end of the function, and is a patch that applies without fuzz', () => {
    const patch = demoPatch(text) ?? '';
    const { subject, files } = parsePatch(patch);
    expect(subject).toBe('proc: say in /proc/version that a livepatch is in force');
    expect(files).toMatchObject([{ kind: 'modify', newName: `b/${demoSource}` }]);
    const [file] = files;
    const applied = applyHunks(text, file?.hunks ?? []);
    expect(applied.text).toBe(text.replace('say(m);\n', `say(m);\n\tseq_puts(m, "${demoLine}\\n");\n`));
    expect(applied.hunks).toMatchObject([{ offset: 0, fuzz: 0 }]);
  });

  it('is not made for a source without the function', () => {
    expect(demoPatch(text.replace('version_proc_show', 'something_else'))).toBeUndefined();
    expect(demoPatch(text.replaceAll('\treturn 0;', '\treturn 1;'))).toBeUndefined();
  });
});
