import type { FunctionChange } from '@klpkit/compare';
import { expect, test } from 'vitest';
import { declarationAt, valueReason } from './causes.ts';

const value = (kind: 'code' | 'reference', before: string, after: string) => {
  const reason = valueReason({ difference: { kind, offset: 16, before, after } } as FunctionChange);
  return reason && `${reason.kind}: ${reason.text}`;
};

test('values that differ are told from addresses, places on the stack and other instructions', () => {
  expect(value('code', 'cmp $0xfe0, %ebp', 'cmp $0xfd8, %ebp')).toBe(
    'constant: a constant in its code changes: 0xfe0 becomes 0xfd8, at +0x10',
  );
  expect(value('code', 'mov 8(%rdi), %eax', 'mov 16(%rdi), %eax')).toMatch(/^type: .*8 becomes 16/);
  expect(value('code', 'ldr w0, [x1, 8]', 'ldr w0, [x1, 16]')).toMatch(/^type: .*8 becomes 16/);
  for (const [before, after] of [
    ['jmp 0x27b', 'jmp 0x28b'],
    ['call 0x27b', 'call 0x28b'],
    ['mov 8(%rsp), %eax', 'mov 16(%rsp), %eax'],
    ['sub $0x18, %rsp', 'sub $0x20, %rsp'],
    ['ldr w0, [sp, 8]', 'ldr w0, [sp, 16]'],
    ['mov $1, %eax', 'mov $2, %edx'],
    ['mov %rsi, %r14', 'push %r13'],
  ])
    expect(value('code', before ?? '', after ?? ''), before).toBeUndefined();
  expect(value('reference', '"a"', '"b"')).toMatch(/^string: .*"a" becomes "b"/);
  expect(value('reference', 'constant 00ff', 'constant 01ff')).toMatch(/^constant: .*00ff becomes 01ff/);
  expect(value('reference', 'f', 'g')).toBeUndefined();
});

test('what a line outside of functions declares', () => {
  const lines = [
    '#define ONE 1',
    '#define LONG(x) \\',
    '\tdo_it(x)',
    'struct dev {',
    '\tint state;',
    '};',
    'enum {',
    '\tA_FLAG = 3,',
    '};',
    'int variable;',
    'typedef struct {',
    '\tint x;',
    '} pair;',
    '',
    '\tlost',
  ];
  const at = (line: number) => {
    const { kind, name, words } = declarationAt(lines, line, line);
    return `${kind} ${name} ${words.join()}`.trim();
  };
  expect([1, 3, 5, 8, 10, 12, 15].map(at)).toEqual([
    'macro ONE ONE',
    'macro LONG LONG',
    'type struct dev',
    'type enum A_FLAG',
    'other',
    'type struct',
    'other',
  ]);
  expect(declarationAt([], 1, 1).kind).toBe('other');
});
