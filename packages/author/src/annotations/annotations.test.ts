import { describe, expect, it } from 'vitest';
import { namesIn, told, uses } from '../extract/testing/pair.ts';
import { annotatedPair } from './testing/fix.ts';

const unit = (fix: string, header = 'klpkit/livepatch.h') => `
int limit = 3;
static noinline int check(int x) {
#ifdef FIX
  if (x > limit) return -1;
#endif
  return external(x);
}
int entry(int x) { return check(x) + 1; }
#ifdef FIX
#include <${header}>
${fix}
#endif
`;

const callbacks = (prefix: string) => `
static int set_up(struct klp_object *obj) { limit = 4; return 0; }
static void tell(struct klp_object *obj) { printk("on"); }
static void untell(struct klp_object *obj) { printk("off"); }
static void take_down(struct klp_object *obj) { limit = 3; }
${prefix}_PRE_PATCH_CALLBACK(set_up);
${prefix}_POST_PATCH_CALLBACK(tell);
${prefix}_PRE_UNPATCH_CALLBACK(untell);
${prefix}_POST_UNPATCH_CALLBACK(take_down);
`;

describe('annotations of a fix', () => {
  it.each([
    ['klpkit/livepatch.h', 'KLPKIT'],
    ['kpatch-macros.h', 'KPATCH'],
    ['linux/livepatch_helpers.h', 'KLP'],
  ])('takes callbacks along that %s names', async (header, prefix) => {
    const { annotations, findings, extract } = await annotatedPair(unit(callbacks(prefix), header));
    expect(findings).toEqual([]);
    expect(annotations.callbacks.map(({ kind, piece }) => `${kind} ${piece.name}`).sort()).toEqual([
      'post_patch tell',
      'post_unpatch take_down',
      'pre_patch set_up',
      'pre_unpatch untell',
    ]);
    const { extraction, object } = extract();
    expect(told({ extraction })).toEqual([]);
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['check']);
    expect(
      extraction.callbacks.map(({ kind, symbol }) => `${kind} ${symbol.replace(/_\d+_\d+_/, '_')}`).sort(),
    ).toEqual([
      'post_patch __klpkit_callback_tell',
      'post_unpatch __klpkit_callback_take_down',
      'pre_patch __klpkit_callback_set_up',
      'pre_unpatch __klpkit_callback_untell',
    ]);
    // The glue finds them, and they find the kernel's variable.
    for (const { symbol } of extraction.callbacks) expect(object.named(symbol)).toHaveLength(1);
    expect(uses(object, 'set_up')).toEqual(['use ref(limit)']);
    // Nothing of the annotations themselves is in the livepatch.
    expect(namesIn(object)).toEqual(['check', 'set_up', 'take_down', 'tell', 'untell']);
    expect(object.elf.sections.filter(({ name }) => name.startsWith('.discard.klp'))).toEqual([]);
  });

  it('leaves a callback out that nobody names', async () => {
    const { annotations, extract } = await annotatedPair(
      unit('void idle(struct klp_object *obj) { printk("never"); }'),
    );
    expect(annotations.callbacks).toEqual([]);
    expect(namesIn(extract().object)).toEqual(['check']);
  });

  it('reads what the header of newer kernels writes', async () => {
    const { annotations } = await annotatedPair(
      unit(`static int early(struct klp_object *obj) { return 0; }
static int (*const __klp_pre_patch_callback_vmlinux)(struct klp_object *) used section(".discard.klp_callback_ptrs") = early;`),
    );
    expect(annotations.callbacks.map(({ kind, piece }) => `${kind} ${piece.name}`)).toEqual([
      'pre_patch early',
    ]);
  });

  it('refuses callbacks that cannot be meant', async () => {
    const { findings } = await annotatedPair(
      unit(`extern void elsewhere(struct klp_object *);
static void section(".init.text") once(struct klp_object *obj) { printk("once"); }
KLPKIT_POST_PATCH_CALLBACK(elsewhere);
KLPKIT_POST_UNPATCH_CALLBACK(once);
static const char odd[] used section(".discard.klpkit.pre_pach") = "typo";`),
    );
    expect(findings.map(({ severity, what }) => `${severity} ${what}`).sort()).toEqual([
      'error the post_patch callback elsewhere is no function of this unit',
      'error the post_unpatch callback once is initial code',
      'error the section .discard.klpkit.pre_pach holds no annotation that klpkit knows',
    ]);
    await expect(
      annotatedPair(unit('static void wrong(int x) { } KLPKIT_PRE_PATCH_CALLBACK(wrong);')),
    ).rejects.toThrow('wrong is not of the form int (struct klp_object *), as pre_patch is');
  });

  it('reads states, and code that asks for them', async () => {
    const source = unit(`enum { LIMIT = 7 };
KLPKIT_STATE(LIMIT, 2); KLPKIT_STATE(0x1000 << 4, 1);
static void look(struct klp_object *obj) { use(klpkit_get_state(LIMIT)); }
KLPKIT_POST_PATCH_CALLBACK(look);`);
    const { annotations, findings, comparison } = await annotatedPair(source);
    expect(findings).toEqual([]);
    expect(annotations.states).toEqual([
      { id: 7, version: 2 },
      { id: 0x10000, version: 1 },
    ]);
    expect(comparison.data).toEqual([]);
    const wrong = await annotatedPair(unit('KLPKIT_STATE(0, 1);'));
    expect(wrong.findings.map(({ what }) => what)).toEqual([
      'a state has the id 0, which ends the list of states',
    ]);
  });

  it('reads keys without jump labels and calls through the key', async () => {
    const { extract } = await annotatedPair(`
struct static_key { int enabled; };
extern struct static_key key_of_module;
extern struct static_call_key __SCK__hook; extern int __SCT__hook(int);
#ifdef FIX
#define static_key static_key_
#include <klpkit/livepatch.h>
#undef static_key
#endif
int entry(int x) {
#ifdef FIX
  if (KLPKIT_STATIC_KEY_ENABLED(key_of_module)) return KLPKIT_STATIC_CALL(hook)(x);
#endif
  return external(x);
}`);
    const { comparison } = extract();
    const [entry] = comparison.after.named('entry');
    const named =
      entry && comparison.after.referencesOf(entry).map(({ target }) => 'name' in target && target.name);
    expect(named).toContain('key_of_module');
    expect(named).toContain('__SCK__hook');
    expect(named).not.toContain('__SCT__hook');
  });
});

describe('what an author ignores', () => {
  it('keeps a function as the kernel has it', async () => {
    const source = (fix: string) =>
      `
static noinline int helper(int x) {
#ifdef FIX
  return external(x) + 2;
#else
  return external(x);
#endif
}
int entry(int x) {
#ifdef FIX
  x++;
#endif
  return helper(x);
}
#ifdef FIX
#include <klpkit/livepatch.h>
${fix}
#endif
`;
    const plain = (await annotatedPair(source(''))).extract();
    expect(plain.extraction.functions.map(({ oldName }) => oldName)).toEqual(['helper', 'entry']);
    const kept = await annotatedPair(source('KLPKIT_IGNORE_FUNCTION(helper, "only the message differs");'));
    expect(kept.findings).toMatchObject([
      {
        id: 'annotation-ignored',
        severity: 'note',
        what: 'the author keeps helper as the kernel has it: only the message differs',
      },
    ]);
    const { extraction, object } = kept.extract();
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['entry']);
    expect(uses(object, 'entry')).toEqual(['call ref(helper)']);
    expect(told({ extraction })).toEqual(['annotation-ignored note helper']);
  });

  it('tells of names that are not there, that are new, and that do not change', async () => {
    const { findings } = await annotatedPair(
      unit(`static int used fresh(int x) { return external(x); }
KLPKIT_IGNORE_FUNCTION(chekc, "a typo");
KLPKIT_IGNORE_FUNCTION(fresh, "new");
KLPKIT_IGNORE_FUNCTION(entry, "the same");
KLPKIT_IGNORE_SECTION(".data.nothing", "no such");
KLPKIT_IGNORE_SECTION(".text.entry", "the same");`),
    );
    expect(findings.map(({ id, severity, what, next }) => [id, severity, what, next])).toEqual([
      [
        'annotation-wrong',
        'error',
        'chekc is ignored, and no function of the unit has that name',
        'it may be check',
      ],
      [
        'annotation-needless',
        'warning',
        'entry is ignored and does not change',
        'take the annotation out, so that a later change is seen',
      ],
      [
        'annotation-wrong',
        'error',
        'fresh is ignored, and the fix adds it: the kernel has no such function to keep',
        'take the annotation out',
      ],
      [
        'annotation-wrong',
        'error',
        'the section .data.nothing is ignored, and the unit has none of that name',
        expect.any(String),
      ],
      [
        'annotation-needless',
        'warning',
        'the section .text.entry is ignored and does not change',
        'take the annotation out, so that a later change is seen',
      ],
    ]);
    await expect(annotatedPair(unit('KLPKIT_IGNORE_FUNCTION(check, "");'))).rejects.toThrow(
      'give the reason',
    );
  });

  it('leaves out what changes in a section', async () => {
    const source = (fix: string) => `
#ifdef FIX
int setting = 5;
#else
int setting = 4;
#endif
${unit(fix)}`;
    const plain = (await annotatedPair(source(''))).extract();
    expect(told(plain)).toEqual(['KLP501 error setting']);
    const { extract, findings } = await annotatedPair(
      source('KLPKIT_IGNORE_SECTION(".data.setting", "set at boot only");'),
    );
    expect(findings).toMatchObject([
      {
        id: 'annotation-ignored',
        what: 'the author leaves out what changes in .data.setting: set at boot only',
        why: 'KLP501 is answered by that',
      },
    ]);
    expect(told(extract())).toEqual(['annotation-ignored note']);
  });

  it('understands the macros of kpatch, and says which has no effect', async () => {
    const { findings } = await annotatedPair(
      unit('KPATCH_IGNORE_FUNCTION(check);\nKPATCH_FORCE_UNSAFE(entry);', 'kpatch-macros.h'),
    );
    expect(findings.map(({ id, what }) => `${id}: ${what}`).sort()).toEqual([
      'annotation-ignored: the author keeps check as the kernel has it: KPATCH_IGNORE_FUNCTION gives no reason',
      'annotation-without-effect: KPATCH_FORCE_UNSAFE(entry) has no effect',
    ]);
  });
});
