import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesOf, meaningOf } from './meaning.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-reach-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const header = `
#define SIZE 8
#define twice(x) ((x) * 2)
typedef unsigned int u32;
typedef int (*handler_t)(struct request *, int);
enum state { OFF, ON = 3, BROKEN };
struct part { int a; int b; };
struct whole { struct part part; int c[SIZE]; };
struct __attribute__((packed)) odd { char x; long y; };
extern struct whole table[];
extern int external(int n) __attribute__((pure));
static inline int deep(int n) { return external(n) + 1; }
static inline __attribute__((always_inline)) int middle(struct whole *w) { return deep(w->c[0]); }
static inline int unused(int n) { return n + 40; }
static inline u32 (*getter(void))(int) { return (u32 (*)(int))external; }
static int file_scope = 7;
_Static_assert(sizeof(struct part) == 8, "parts");
`;

const callers = {
  middle: 'int user(struct whole *w) { return middle(w) + twice(w->c[1]); }',
  enumerator: 'int user(int n) { return n == BROKEN; }',
  member: 'int user(void) { return table[1].part.b + table[0].c[SIZE - 1]; }',
  plain: 'int user(int n) { return n; }',
  alias: 'static int hidden(int n) { return deep(n); } int user(int n) __attribute__((alias("hidden")));',
  asm: 'static int __attribute__((used)) hidden(int n) { return deep(n); } asm(".long hidden");',
  pointer:
    'static int op(int n) { return deep(n); } static int (*const ops[])(int) = { op }; int user(int i) { return ops[i](i); }',
};
type Caller = keyof typeof callers;

interface Unit {
  readonly text: string;
  readonly assembly: string;
}

const made = new Map<string, Record<Caller, Unit>>();

/** Each caller with a header: the preprocessed text, and the assembly that the compiler makes of it. */
function unitsWith(text: string): Record<Caller, Unit> {
  let units = made.get(text);
  if (units) return units;
  writeFileSync(join(folder, 'header.h'), text);
  const names = Object.keys(callers) as Caller[];
  for (const name of names) writeFileSync(join(folder, `${name}.c`), `#include "header.h"\n${callers[name]}`);
  const flags = ['-std=gnu11', '-O2', '-w', '-ffreestanding', '-save-temps', '-S'];
  execFileSync('gcc-12', [...flags, ...names.map((name) => `${name}.c`)], { cwd: folder });
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  units = Object.fromEntries(
    names.map((name) => [name, { text: read(`${name}.i`), assembly: read(`${name}.s`) }]),
  ) as Record<Caller, Unit>;
  made.set(text, units);
  return units;
}

const edits: Record<string, readonly [RegExp, string]> = {
  'an inline function that others call': [/external\(n\) \+ 1/, 'external(n) + 2'],
  'an inline function that nobody calls': [/n \+ 40/, 'n + 41'],
  'a constant macro': [/SIZE 8/, 'SIZE 9'],
  'a macro with a parameter': [/\(x\) \* 2/, '(x) * 3'],
  'an enumerator': [/ON = 3/, 'ON = 4'],
  'a structure in another': [/int a; int b/, 'int b; int a'],
  'an attribute of a declaration': [/\(\(pure\)\)/, '((const))'],
  'a comment and blanks': [/typedef unsigned int u32/, 'typedef unsigned   int /* 32 bits */ u32'],
  'a new declaration': [/^extern int external/m, 'extern int other(int);\nextern int external'],
};

describe('meaningOf', () => {
  it.each(Object.entries(edits))('stays the same only if the code does: %s', (_, how) => {
    const edited = header.replace(...how);
    expect(edited).not.toBe(header);
    const [before, after] = [unitsWith(header), unitsWith(edited)];
    for (const caller of Object.keys(callers) as Caller[])
      if (before[caller].assembly !== after[caller].assembly)
        expect([caller, meaningOf(after[caller].text)]).not.toEqual([caller, meaningOf(before[caller].text)]);
  });

  it('is asked about edits that change code and edits that do not', () => {
    const changing = Object.entries(edits).map(([edit, how]) => {
      const after = unitsWith(header.replace(...how));
      const callersOf = (Object.keys(callers) as Caller[]).filter(
        (caller) => unitsWith(header)[caller].assembly !== after[caller].assembly,
      );
      return `${edit}: ${callersOf.join(' ')}`;
    });
    expect(changing).toEqual([
      'an inline function that others call: middle alias asm pointer',
      'an inline function that nobody calls: ',
      'a constant macro: member',
      'a macro with a parameter: middle',
      'an enumerator: enumerator',
      'a structure in another: member',
      'an attribute of a declaration: ',
      'a comment and blanks: ',
      'a new declaration: ',
    ]);
  });

  const isSame = (edit: string, caller: Caller) => {
    const after = unitsWith(header.replace(...(edits[edit] as readonly [RegExp, string])));
    return meaningOf(unitsWith(header)[caller].text).join('\n') === meaningOf(after[caller].text).join('\n');
  };

  it('passes over what nothing refers to', () => {
    for (const edit of Object.keys(edits)) {
      // _Static_assert asks for the structure.
      if (edit === 'a structure in another') continue;
      expect([edit, isSame(edit, 'plain')]).toEqual([edit, true]);
    }
    expect(isSame('an inline function that nobody calls', 'middle')).toBe(true);
    expect(isSame('an enumerator', 'middle')).toBe(true);
    expect(isSame('a comment and blanks', 'member')).toBe(true);
  });

  it('follows names from function to function, through types, aliases and assembly', () => {
    for (const caller of ['middle', 'alias', 'asm', 'pointer'] as const)
      expect([caller, isSame('an inline function that others call', caller)]).toEqual([caller, false]);
    expect(isSame('a structure in another', 'member')).toBe(false);
    expect(isSame('a constant macro', 'member')).toBe(false);
    expect(isSame('a macro with a parameter', 'middle')).toBe(false);
    expect(isSame('an enumerator', 'enumerator')).toBe(false);
  });

  it('tells blanks in strings, and pragmas that decide on layouts', () => {
    const string = (text: string) => meaningOf(`const char *s = "${text}";`);
    expect(string('a  b')).not.toEqual(string('a b'));
    const packed = (pragma: string) =>
      meaningOf(`${pragma}\nstruct s { char a; long b; };\nlong f(struct s *s) { return s->b; }`);
    expect(packed('#pragma pack(1)')).not.toEqual(packed(''));
    expect(packed('#pragma GCC diagnostic push')).toEqual(packed(''));
  });

  it('keeps what it cannot read', () => {
    expect(meaningOf('int f(void) { return 1; } @@ what ever')).toHaveLength(2);
    expect(meaningOf('')).toEqual([]);
  });
});

describe('filesOf', () => {
  it('names what the text is made of', () => {
    expect(filesOf(unitsWith(header).plain.text)).toEqual(['plain.c', 'header.h']);
  });
});
