import { expect, test } from 'vitest';
import { mentionsOf, wordFor } from './define.ts';

const text = `
/* int commented(int x) { return x; } */
#define twice(x) ((x) + (x))
# define indented(x) x
extern int declared(int a, int (*call)(int));
static inline int
split_line(int a)
{
	return user(a);
}
static int annotated(struct dev *d) __must_hold(&d->lock) __attribute__((cold))
{
	return twice(declared(1, annotated));
}
int user(int a) { return annotated(0); }
struct ops ops = { .call = user };
SYSCALL_DEFINE3(openat, int, fd, const char *, name, int, mode)
{
	return 0;
}
COMPAT_SYSCALL_DEFINE1(pause, int, x) { return 0; }
static const char *word = "int quoted(int x) {";
`;

const of = (name: string) => mentionsOf(text, name).map(({ kind, line }) => `${kind} ${line}`);

test('definitions, declarations and macros are told apart, and calls are none of them', () => {
  expect(of('split_line')).toEqual(['definition 7']);
  expect(of('annotated')).toEqual(['definition 11']);
  expect(of('user')).toEqual(['definition 15']);
  expect(of('declared')).toEqual(['declaration 5']);
  expect(of('twice')).toEqual(['macro 3']);
  expect(of('indented')).toEqual(['macro 4']);
  expect(of('commented')).toEqual([]);
  expect(of('quoted')).toEqual([]);
});

test('system calls are found by the macro that defines them', () => {
  for (const name of ['__x64_sys_openat', '__do_sys_openat', '__se_sys_openat'])
    expect(of(name)).toEqual(['definition 17']);
  expect(of('__x64_sys_pause')).toEqual([]);
  expect(of('__ia32_compat_sys_pause')).toEqual(['definition 21']);
  expect(of('openat')).toEqual([]);
  expect([wordFor('__x64_sys_openat'), wordFor('path_openat')]).toEqual(['openat', 'path_openat']);
});

test('text without an end is no definition and no hang', () => {
  expect(mentionsOf(`int open(${'('.repeat(50_000)}`, 'open')).toEqual([]);
  expect(mentionsOf(`int open(int a)${' __x(('.repeat(100)}{`, 'open')).toEqual([]);
});
