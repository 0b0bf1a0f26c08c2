import { describe, expect, it } from 'vitest';
import { pointedOwn, splitState } from './pointers.ts';
import { small } from './testing/small.ts';

const noinline = '#define noinline __attribute__((__noinline__))\n#define used __attribute__((__used__))\n';
/** A unit before and after a fix that puts one line into it. */
const fixed = (text: string, from: string, to: string) => {
  expect(text).toContain(from);
  return [text, text.replace(from, to)] as const;
};
/** Lines without comments and empty ones. */
const code = (text: string) =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('//'));

describe('functions', () => {
  const helpers = `${noinline}
static noinline used int referred(int a) { return a * 7; }
static int inlined(int a) { return a + 1; }
int patched(int a)
{
	return referred(inlined(a));
}
int untouched(int a) { return inlined(a) * 3; }
`;

  it('replaces what the fix changes, refers to what the kernel has, and copies what it has not', async () => {
    const { written, wants, object, plan } = await small(
      ...fixed(helpers, 'return referred(inlined(a));', 'return referred(inlined(a)) - 1;'),
    );
    expect([...written.replacements]).toEqual([['patched', 'klpp_patched']]);
    expect(wants).toEqual(['referred']);
    expect(object.named('klpp_patched')).toHaveLength(1);
    expect(plan.functions.get('inlined')).toMatchObject({ kind: 'copy' });
    expect(plan.functions.has('untouched')).toBe(false);
    expect(code(written.text)).toEqual([
      '#define noinline __attribute__((__noinline__))',
      '#define used __attribute__((__used__))',
      'extern used int referred(int a);',
      'static int klpp_inlined(int a) { return a + 1; }',
      'int klpp_patched(int a)',
      '{',
      '\treturn referred(klpp_inlined(a)) - 1;',
      '}',
    ]);
  });

  it('replaces every function into which a changed one was inlined', async () => {
    const { written } = await small(...fixed(helpers, 'return a + 1;', 'return a + 2;'));
    expect([...written.replacements.keys()].sort()).toEqual(['patched', 'untouched']);
  });

  it('replaces the callers of a clone that changes, and copies what it is a clone of', async () => {
    const text = `${noinline}
extern int external(int *);
struct pair { int a, b, c, d; };
static noinline int cloned(struct pair *p, int unused) { int sum = p->a; for (int i = 0; i < sum; i++) sum ^= external(&i); return sum; }
int one(struct pair *p) { return cloned(p, 1) + 1; }
int two(struct pair *p) { return cloned(p, 2) + 2; }
`;
    const { written, fates, wants, plan } = await small(...fixed(text, 'sum ^= external', 'sum += external'));
    const clone = [...plan.functions].find(([name]) => name === 'cloned');
    expect(clone?.[1].kind).toBe('copy');
    expect([...fates.replaced.keys()].sort()).toEqual(['one', 'two']);
    expect(written.text).toContain('cannot be replaced by a function of C');
    expect(wants).toEqual(['external']);
  });

  it('keeps the name of a function that the fix adds', async () => {
    const { written, wants } = await small(
      ...fixed(
        helpers,
        'int patched(int a)\n{\n\treturn',
        'static noinline int added(int a) { return a ^ 3; }\nint patched(int a)\n{\n\treturn added(a) +',
      ),
    );
    expect(written.text).toContain('static noinline int added(int a)');
    expect(written.text).not.toContain('klpp_added');
    expect(wants).toEqual(['referred']);
  });

  it('lets a pointer to a replaced function be one to the kernel', async () => {
    const text = `${noinline}
extern void later(int (*)(int));
noinline int patched(int a) { later(patched); return a; }
`;
    const { written, wants } = await small(...fixed(text, 'return a;', 'return a + patched(1);'));
    expect(wants).toEqual(['later', 'patched']);
    expect(written.text).toContain('later(patched); return a + klpp_patched(1);');
  });

  it('does not take members, labels and variables for functions of the same name', async () => {
    const text = `${noinline}
struct ops { int (*helper)(int); };
static int helper(int a) { return a + 5; }
int user(struct ops *o, int helper_count)
{
	return o->helper(helper_count) + helper(2);
}
int other(int helper)
{
	return helper * 3;
}
`;
    const { written, object } = await small(...fixed(text, 'helper(2);', 'helper(3);'));
    expect(written.text).toContain('o->helper(helper_count) + klpp_helper(3)');
    expect(object.named('klpp_user')).toHaveLength(1);
    const shadowed = await small(...fixed(text, 'helper * 3', 'helper * 4'));
    expect(shadowed.written.text).toContain('return helper * 4;');
    expect(shadowed.written.text).not.toContain('a + 5');
  });

  it('declares a function before its first use', async () => {
    const text = `${noinline}
static int second(int a);
int first(int a) { return a ? second(a - 1) : 1; }
static int second(int a) { return a ? first(a - 1) : 2; }
`;
    const { object, written } = await small(...fixed(text, ': 1;', ': 3;'));
    expect(object.named('klpp_first')).toHaveLength(1);
    expect(written.text.indexOf('klpp_second(int a);')).toBeLessThan(
      written.text.indexOf('klpp_second(a - 1)'),
    );
  });

  it('renames what a macro makes by its argument', async () => {
    const text = `${noinline}
#define CALL(name, type) int sys_##name(type a); static inline int do_##name(type a); int sys_##name(type a) { return do_##name(a); } static inline int do_##name(type a)
CALL(thing, long)
{
	return a * 2;
}
`;
    const { written, object } = await small(...fixed(text, 'a * 2', 'a * 5'));
    expect([...written.replacements]).toEqual([['sys_thing', 'sys_klpp_thing']]);
    expect(object.named('sys_klpp_thing')).toHaveLength(1);
    expect(written.text).toContain('CALL(klpp_thing, long)');
  });

  it('keeps the name of a copy that a macro puts together', async () => {
    const text = `${noinline}
#define RUN(name) run_##name(3)
static int run_fast(int a) { return a + 1; }
int patched(int a) { return RUN(fast) + a; }
`;
    const { written, wants } = await small(...fixed(text, '+ a;', '- a;'));
    expect(wants).toEqual([]);
    expect(written.text).toContain('static int run_fast(int a)');
  });

  it('gives a static function that a macro makes a name for the tables', async () => {
    const text = `${noinline}
#define STORE(name) static used int name##_store(int a) { return helper_##name(a); }
static noinline used int helper_thing(int a) { return a * 2; }
STORE(thing)
`;
    const [before, after] = fixed(text, 'return helper_##name(a);', 'return helper_##name(a) + 1;');
    const { written, object } = await small(before, after);
    expect([...written.replacements]).toEqual([['thing_store', 'klpp_thing_store']]);
    const [made] = object.pieces.filter(({ kind }) => kind === 'function');
    expect([made?.name, ...(made?.aliases ?? [])].sort()).toEqual(['klpp_thing_store', 'thing_store']);
  });

  it('leaves exports, parameters and initialisation behind', async () => {
    const text = `${noinline}
#define EXPORT_SYMBOL(s) extern typeof(s) s; static const char *const export_##s used = #s
#define module_init(f) int init_module(void) __attribute__((alias(#f)))
int patched(int a) { return a; }
EXPORT_SYMBOL(patched);
static int start(void) { return patched(1); }
module_init(start);
`;
    const { written } = await small(...fixed(text, 'return a;', 'return -a;'));
    expect(
      code(written.text).some((line) => /EXPORT_SYMBOL\(patched\)|module_init\(start\)/.test(line)),
    ).toBe(false);
  });
});

describe('variables', () => {
  it('are those of the kernel, with types and macros before them', async () => {
    const text = `
#define SLOTS 4
struct slot { int value; };
static struct slot slots[SLOTS] = { { 1 } }, *latest;
int count = 3;
int patched(int i)
{
	latest = &slots[i];
	return slots[i].value + count;
}
int other(void) { return latest->value; }
`;
    const { written, wants } = await small(...fixed(text, '+ count', '- count'));
    expect(wants).toEqual(['count', 'latest', 'slots']);
    expect(code(written.text)).toContain('extern struct slot slots[SLOTS], *latest;');
    expect(code(written.text)).toContain('#define SLOTS 4');
  });

  it('are copied when the compiler left none', async () => {
    const text = `
static const int limit = 40;
int patched(int i) { return i < limit; }
`;
    const { written, wants, plan } = await small(...fixed(text, 'i < limit', 'i <= limit'));
    expect(plan.variables.get('limit')?.kind).toBe('copy');
    expect(wants).toEqual([]);
    expect(written.text).toContain('static const int limit = 40;');
  });

  it('static ones of functions stay one state', async () => {
    const text = `
int patched(int i)
{
	static int calls = 5;
	static const int table[3] = { 1, 2, 3 };
	static const int unsized[] = { 7, 8, 9 };
	calls += i;
	return calls + table[i] + unsized[i];
}
`;
    const { written, wants } = await small(...fixed(text, 'calls += i', 'calls += i + 1'));
    expect(wants).toEqual(['patched_calls', 'patched_table']);
    expect(written.text).toContain('extern int patched_calls;');
    expect(written.text).toContain('extern const int patched_table[3];');
    expect(written.text).toContain('static const int unsized[] = { 7, 8, 9 };');
    expect([...written.shared.keys()]).toEqual(['patched_calls', 'patched_table']);
  });

  it('static ones of one name are told apart by the function that uses them', async () => {
    const text = `${noinline}
struct ops { int (*run)(int); };
extern void keep(const struct ops *);
static noinline int run(int a) { return a; }
noinline void first(int a)
{
	static const struct ops ops = { .run = run };
	static int calls;
	calls += a;
	keep(&ops);
}
noinline int second(int a)
{
	static const struct ops ops = { .run = 0 };
	static int calls;
	keep(&ops);
	return calls += a;
}
`;
    const { written, wants, fates, plan } = await small(
      ...fixed(text, 'return calls += a', 'return calls -= a'),
    );
    expect(wants).toEqual(['keep', 'second_calls', 'second_ops']);
    expect(written.text).toContain('extern const struct ops second_ops;');
    const pieceOf = (name: string, owner: string) => {
      const fate = fates.staticLocal(name, owner);
      return fate?.kind === 'refer' ? fate.piece : undefined;
    };
    for (const { local, fate } of plan.shared) {
      expect(fate.piece).toBe(pieceOf(local.name, 'second'));
      expect(fate.piece).not.toBe(pieceOf(local.name, 'first'));
    }
    // Without a function that uses one of them alone it cannot be told.
    expect(fates.staticLocal('calls', 'nobody')).toMatchObject({ kind: 'ambiguous', isConstant: false });
    expect(fates.staticLocal('ops', 'nobody')).toMatchObject({ kind: 'ambiguous', isConstant: true });
  });

  it('made by a macro are declared from what it stands for', async () => {
    const text = `
#define DEFINE_LOCK(name) struct lock name = { .owner = 0, .next = &name }
struct lock { int owner; struct lock *next; };
static DEFINE_LOCK(guard);
int patched(int i) { guard.owner = i; return i; }
int other(void) { return guard.owner; }
`;
    const { written, wants } = await small(...fixed(text, 'return i;', 'return i + 1;'));
    expect(wants).toEqual(['guard']);
    expect(code(written.text)).toContain('extern struct lock guard;');
  });
});

describe('headers and conditions', () => {
  it('keeps the conditions around what it keeps, and marks branches that were not taken', async () => {
    const text = `
#define ON 1
#ifdef ON
static int helper(int a) { return a + 1; }
#else
static int helper(int a) { return a - 1; }
#endif
#ifdef OFF
int never(void) { return 0; }
#endif
int patched(int a) { return helper(a); }
`;
    const { written, object } = await small(...fixed(text, 'return helper(a);', 'return helper(a) * 2;'));
    expect(object.named('klpp_patched')).toHaveLength(1);
    expect(code(written.text).slice(1)).toEqual([
      '#ifdef ON',
      'static int klpp_helper(int a) { return a + 1; }',
      '#else',
      '#error "this branch was not taken in the configuration that the livepatch was made for"',
      '#endif',
      'int klpp_patched(int a) { return klpp_helper(a) * 2; }',
    ]);
  });

  it('copies an inline function that the fix changes in a header, which is included as it was', async () => {
    const header =
      '#ifndef UNIT_H\n#define UNIT_H\nstatic inline int low(int a) { return a + 1; }\nstatic inline int high(int a) { return low(a) * 9; }\n#endif\n';
    const text = '#include "unit.h"\nint patched(int a) { return high(a); }\n';
    const { written, object } = await small(text, text, {
      files: { 'unit.h': header },
      fixed: { 'unit.h': header.replace('a + 1', 'a + 2') },
    });
    expect([...written.replacements.keys()]).toEqual(['patched']);
    expect(code(written.text)).toEqual([
      '#include "unit.h"',
      'static inline int klpp_low(int a) { return a + 2; }',
      'static inline int klpp_high(int a) { return klpp_low(a) * 9; }',
      'int klpp_patched(int a) { return klpp_high(a); }',
    ]);
    expect(object.named('klpp_patched')).toHaveLength(1);
  });

  it('leads pointers to functions that a header brings to those of the kernel, which stay when the livepatch goes', async () => {
    const header = `struct ops { int (*run)(int); };
static __attribute__((noinline)) int run(int a) { return a ^ 21; }
`;
    const text = `#include "template.h"
void keep(struct ops *o, int a) { o->run = run; }
int call(int a) { return a + 1; }
`;
    const fix = fixed(text, 'o->run = run;', 'if (a) o->run = run;');
    const plain = await small(...fix, { files: { 'template.h': header } });
    expect([...pointedOwn(plain.object, plain.before, plain.plan)]).toEqual(['run']);
    expect(plain.wants).toEqual([]);
    const { object, before, plan, written, wants } = await small(...fix, {
      files: { 'template.h': header },
      pointed: ['run'],
    });
    expect([...pointedOwn(object, before, plan)]).toEqual([]);
    expect(wants).toEqual(['klpk_run']);
    expect([...written.pointers]).toEqual([['klpk_run', 'run']]);
    expect(written.text).toContain('if (a) o->run = klpk_run;');
    // A call within the file needs no detour.
    const called = await small(
      ...fixed(text.replace('return a + 1', 'return run(a) + 1'), 'run(a) + 1', 'run(a) + 2'),
      { files: { 'template.h': header } },
    );
    expect([...pointedOwn(called.object, called.before, called.plan)]).toEqual([]);
  });

  it('sees state that a header would bring a second time', async () => {
    const header =
      'static int hits;\nstatic inline int hit(void) { static int calls; return ++hits + ++calls; }\n';
    const text =
      '#include "hits.h"\nint patched(int a) { return hit() + a; }\nint other(void) { return hit(); }\n';
    const split = async (body: string, fix: string) => {
      const { object, before, plan, comparison } = await small(...fixed(text, body, fix), {
        files: { 'hits.h': header },
      });
      return splitState(object, before, plan, comparison.isFresh);
    };
    expect(await split('hit() + a', 'hit() - a')).toEqual(['calls', 'hits']);
    expect(await split('hit() + a', 'a')).toEqual([]);
  });

  it('takes a function with the heads of all configurations', async () => {
    const text = `
#define ONE
#ifdef ONE
int patched(int a)
#else
int patched(long a)
#endif
{
	return a * 2;
}
static int unused(void) { return 0; }
int other(int a) { return patched(a) + unused(); }
`;
    const { written, object } = await small(...fixed(text, 'a * 2', 'a * 3'));
    expect([...written.replacements]).toContainEqual(['patched', 'klpp_patched']);
    expect(object.named('klpp_patched')).toHaveLength(1);
    expect(written.text).toContain(
      '#ifdef ONE\nint klpp_patched(int a)\n#else\nint klpp_patched(long a)\n#endif\n{',
    );
  });

  it('takes a source that is included for the unit itself', async () => {
    const part = 'static int helper(int a) { return a + 1; }\nint patched(int a) { return helper(a); }\n';
    const text = '#include "part.c"\nint other(int a) { return helper(a); }\n';
    const { written } = await small(text, text, {
      files: { 'part.c': part },
      fixed: { 'part.c': part.replace('return helper(a);', 'return helper(a) + 4;') },
    });
    expect([...written.replacements.keys()]).toEqual(['patched']);
    expect(written.text).toContain('part.c: replaced');
    expect(written.text).not.toContain('#include "part.c"');
  });

  it('reads static keys where the kernel cannot patch jumps', async () => {
    const text = '#include "key.h"\nint patched(int a) { return static_key_false(&key) ? a : 1; }\n';
    const key =
      'struct static_key { struct { int counter; } enabled; };\nextern struct static_key key;\n#define static_key_false(k) __builtin_expect((k)->enabled.counter, 0)\n';
    const { written } = await small(...fixed(text, ': 1', ': 2'), {
      files: { 'key.h': key },
      readsKeys: true,
    });
    expect(written.text.indexOf('#define static_key_false')).toBeLessThan(
      written.text.indexOf('#include "key.h"'),
    );
  });
});
