import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isSameObject } from './same-object.ts';

function compile(text: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-same-'));
  try {
    writeFileSync(join(folder, 'unit.c'), text);
    execFileSync('gcc-12', ['-O2', '-fdata-sections', '-c', 'unit.c'], { cwd: folder });
    return new Uint8Array(readFileSync(join(folder, 'unit.o')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const text = (number: number, value = 1, used = 'one') => `
int one(void), two(void);
static void *__UNIQUE_ID_addressable_x${number} __attribute__((used)) = (void *)one;
int f(int a) { return ${used}() + a * ${value}; }
`;

it('takes objects for the same that differ in numbers of the compiler alone', () => {
  expect(Buffer.compare(compile(text(99)), compile(text(100)))).not.toBe(0);
  expect(isSameObject(compile(text(99)), compile(text(100)))).toBe(true);
  expect(isSameObject(compile(text(99)), compile(text(99, 3)))).toBe(false);
  expect(isSameObject(compile(text(99)), compile(text(99, 1, 'two')))).toBe(false);
  expect(isSameObject(compile(text(99)), compile(`${text(99)} int more;`))).toBe(false);
});
