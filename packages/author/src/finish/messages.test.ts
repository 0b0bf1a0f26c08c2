import { describe, expect, it } from 'vitest';
import { modpostFindings, objtoolFindings } from './messages.ts';

describe('objtoolFindings', () => {
  it('takes warnings one by one, with or without the name of the file', () => {
    const found = objtoolFindings(
      'fix.o: warning: objtool: f+0x12: unreachable instruction\n' +
        'warning: objtool: data relocation to !ENDBR: f+0x0\n',
    );
    expect(found.map(({ severity, what }) => [severity, what])).toEqual([
      ['warning', 'objtool: f+0x12: unreachable instruction'],
      ['warning', 'objtool: data relocation to !ENDBR: f+0x0'],
    ]);
  });

  it('keeps the way to a warning with it, and tells errors from warnings', () => {
    const [first, second] = objtoolFindings(
      'a.o: warning: objtool: f+0x1: stack state mismatch\na.o: objtool:   f+0x9: (branch)\na.o: error: objtool: broken\n',
    );
    expect(first.why).toBe('f+0x9: (branch)');
    expect(second.severity).toBe('error');
  });

  it('has nothing to say of silence', () => {
    expect(objtoolFindings('')).toEqual([]);
  });
});

describe('modpostFindings', () => {
  const isPlaceholder = (symbol: string) => symbol === 'ref_0';

  it('passes over placeholders and the count of what it left out', () => {
    const quiet =
      'WARNING: modpost: "ref_0" [fix.ko] undefined!\n' +
      'WARNING: modpost: suppressed 12 unresolved symbol warnings because there were too many)\n';
    expect(modpostFindings(quiet, isPlaceholder)).toEqual([]);
    expect(modpostFindings(quiet, () => false)).toHaveLength(1);
    const spaced = 'ERROR: modpost: module fix uses symbol s from namespace N, but does not import it.\n';
    expect(modpostFindings(spaced, (symbol) => symbol === 's')).toEqual([]);
  });

  it('tells errors from warnings', () => {
    const found = modpostFindings(
      'WARNING: modpost: missing MODULE_DESCRIPTION() in fix.o\n' +
        'ERROR: modpost: module fix uses symbol s from namespace N, but does not import it.\n' +
        'FATAL: modpost: GPL-incompatible module fix.ko uses GPL-only symbol\n',
      isPlaceholder,
    );
    expect(found.map(({ severity }) => severity)).toEqual(['warning', 'error', 'error']);
    expect(found[1].what).toBe('modpost: module fix uses symbol s from namespace N, but does not import it.');
  });
});
