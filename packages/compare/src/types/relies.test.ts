import { BTF_KIND, findSection, readBtf, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { usersOfType } from './relies.ts';

async function btfOf(source: string) {
  const elf = readElf(await compile(source, ['-gbtf']));
  const section = findSection(elf, '.BTF');
  if (!section) throw new Error('no types');
  return readBtf(sectionBytes(elf, section));
}

describe('who relies on a type', () => {
  test('takes it, returns it, holds it, or points to it', async () => {
    const btf = await btfOf(`
      struct it { int a; };
      typedef const struct it *it_p;
      struct holder { struct { struct it list[2]; }; };
      struct pointer { it_p at; };
      struct caller { void (*call)(int, struct it *); };
      struct stranger { int a; };
      struct stranger sv; struct holder h; struct pointer p; struct caller c;
      int takes(it_p p) { return p->a; }
      struct it *gives(void) { return (void *)&h; }
      int callback(void (*call)(struct it *)) { return 1; }
      int innocent(struct stranger *s, struct holder *h) { return 1; }`);
    const ids = btf.find(BTF_KIND.STRUCT, 'it');
    expect(ids).toHaveLength(1);
    expect(usersOfType(btf, ids)).toEqual({
      functions: ['gives', 'takes'],
      holders: ['struct holder'],
      pointers: ['struct pointer'],
    });
  });

  test('nobody does', async () => {
    const btf = await btfOf('struct it { int a; }; struct it one; int f(int n) { return n + one.a; }');
    const ids = btf.find(BTF_KIND.STRUCT, 'it');
    expect(ids).toHaveLength(1);
    expect(usersOfType(btf, ids)).toEqual({ functions: [], holders: [], pointers: [] });
  });
});
