import { run } from '@klpkit/host';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config.ts';
import { objectsOf } from './find.ts';
import { compilations, generatedFiles } from './flags.ts';
import { canMean, closure, parseIndex, shorten } from './includes.ts';
import { parseLists } from './lists.ts';
import { entriesOf, whyNot } from './reasons.ts';
import { splitCommands } from './shell.ts';

describe('shell words', () => {
  it('are split as the shell does', async () => {
    const atom = fc.constantFrom('a', '-DX', ' ', "'", '"', '\\', '=', '\t', '/', '"q x"', "'p q'");
    const texts = fc
      .sample(fc.array(atom, { minLength: 1, maxLength: 12 }), { numRuns: 60, seed: 1 })
      .map((atoms) => atoms.join(''));
    let compared = 0;
    for (const text of texts) {
      const { stdout, code } = await run(['sh', '-c', `printf '%s\\0' x ${text}`], { check: false });
      // The shell refuses unbalanced quotes; what we make of those does not matter. A last backslash is kept by some shells.
      if (code !== 0 || text.endsWith('\\')) continue;
      compared++;
      expect(splitCommands(`x ${text}`), text).toEqual([stdout.split('\0').slice(0, -1)]);
    }
    expect(compared).toBeGreaterThan(15);
  });

  it('are kept apart by command', () => {
    expect(splitCommands("set -e; a 'b;c' | d && (e f)")).toEqual([
      ['set', '-e'],
      ['a', 'b;c'],
      ['d'],
      ['e', 'f'],
    ]);
  });
});

const recipe =
  `set -e;  echo '  CC [M]  fs/x/super.o';   trap 'rm -f fs/x/super.o' HUP; gcc-12 -Wp,-MMD,fs/x/.super.o.d -I/src/include ` +
  `-DMODULE -DKBUILD_MODNAME='"x"' -c -o fs/x/super.o /src/fs/x/super.c  ; scripts/basic/fixdep fs/x/.super.o.d 'gcc-12 -c -o fs/x/super.o /src/fs/x/super.c' > y`;

describe('a dry run', () => {
  it('gives the compilation without what only make needs', () => {
    expect(
      compilations(`${recipe}\nset -e; gcc-12 -E -D__GENKSYMS__ /src/fs/x/super.c | genksyms\n`),
    ).toEqual([
      {
        object: 'fs/x/super.o',
        source: '/src/fs/x/super.c',
        argv: ['gcc-12', '-I/src/include', '-DMODULE', '-DKBUILD_MODNAME="x"'],
      },
    ]);
  });

  it('gives the generated files by name', () => {
    const printed = [
      "echo '  GEN     security/selinux/flask.h security/selinux/av_permissions.h'; x",
      "echo '  ASN.1   crypto/rsapubkey.asn1.[ch]'; x",
      "echo '  GEN     xe_wa_oob.c xe_wa_oob.h';  trap 'rm -f drivers/xe/xe_wa_oob.h; trap - HUP' HUP;",
      "echo '  HOSTCC  lib/gen_crc32table'; echo '  CC [M]  fs/x.o'; echo '  LD      x.h'",
    ];
    expect(generatedFiles(printed.join('\n'))).toEqual([
      'crypto/rsapubkey.asn1.c',
      'crypto/rsapubkey.asn1.h',
      'drivers/xe/xe_wa_oob.h',
      'security/selinux/av_permissions.h',
      'security/selinux/flask.h',
    ]);
  });
});

describe('the lists of a makefile', () => {
  const printed = [
    'klp real-obj-y fs/a.o fs/sub/built-in.a',
    'klp lib-y fs/l.o',
    'klp subdir-ym fs/sub',
    'klp obj-m fs/my-mod.o  one.o ../two.o one.o',
    'klp obj-m fs/own.o  sub/in.o',
    'noise fs/b.o',
  ].join('\n');
  const text = '$(obj)/from-%.o: $(srctree)/lib/%.c FORCE\n';
  const lists = parseLists(printed, 'fs', { isLibraryLinked: false, text });

  it('tell what is in the image and what in modules', () => {
    expect(lists.builtin).toEqual(['fs/a.o']);
    expect(parseLists(printed, 'fs', { isLibraryLinked: true, text }).builtin).toEqual(['fs/a.o', 'fs/l.o']);
    expect(lists.modules[0]).toEqual({ object: 'fs/my-mod.o', parts: ['fs/one.o', 'fs/../two.o'] });
  });

  it('give the objects of a source', () => {
    expect(objectsOf(lists, 'fs', 'fs/a.c')).toEqual([
      { object: 'fs/a.o', source: 'fs/a.c', owner: 'vmlinux' },
    ]);
    expect(objectsOf(lists, 'fs', 'two.c')).toEqual([
      { object: 'fs/../two.o', source: 'two.c', owner: 'my_mod', ko: 'fs/my-mod.ko' },
    ]);
    expect(objectsOf(lists, 'fs', 'fs/sub/in.c')).toMatchObject([{ owner: 'own', askedIn: 'fs' }]);
    expect(objectsOf(lists, 'fs', 'fs/b.c')).toEqual([]);
  });

  it('follow rules to sources of other folders', () => {
    const outside = { ...lists, builtin: ['fs/from-x.o'] };
    expect(objectsOf(outside, 'fs', 'lib/x.c')).toMatchObject([{ object: 'fs/from-x.o', owner: 'vmlinux' }]);
  });
});

describe('why a source is not built', () => {
  const files: Record<string, string> = {
    '': 'obj-y += fs/\nobj-$(CONFIG_NET) += net/\n',
    fs: 'obj-$(CONFIG_X_FS) += x/\nobj-y += y/\n',
    'fs/x':
      'obj-$(CONFIG_X_FS) += x.o\nx-y := super.o \\\n  inode.o # the rest\nx-$(CONFIG_X_ACL) += acl.o\n',
    'fs/y':
      'ifdef CONFIG_Y_BIG\nobj-y += big.o\nelse\nobj-y += small.o\nendif\nhostprogs := gen\nvobjs-y := boot.o\n',
    net: 'obj-y += core.o\n',
  };
  const read = async (folder: string) => files[folder];
  const off = async (source: string, ...on: string[]) =>
    (await whyNot(source, new Map(on.map((option) => [option, 'y'])), read)).options;

  it('is told by the options of its list, of the whole, and of the folders above', async () => {
    expect(await off('fs/x/inode.c')).toEqual(['CONFIG_X_FS']);
    expect(await off('fs/x/acl.c')).toEqual(['CONFIG_X_ACL', 'CONFIG_X_FS']);
    expect(await off('fs/x/acl.c', 'CONFIG_X_FS')).toEqual(['CONFIG_X_ACL']);
    expect(await off('fs/x/acl.c', 'CONFIG_X_FS', 'CONFIG_X_ACL')).toEqual([]);
    expect(await off('net/core.c')).toEqual(['CONFIG_NET']);
  });

  it('is told by conditionals', async () => {
    expect(await off('fs/y/big.c')).toEqual(['CONFIG_Y_BIG']);
    expect(await off('fs/y/small.c')).toEqual([]);
  });

  it('says whether a makefile names it at all', async () => {
    expect((await whyNot('fs/y/boot.c', new Map(), read)).isListed).toBe(true);
    expect((await whyNot('fs/y/included.c', new Map(), read)).isListed).toBe(false);
    expect(entriesOf(files['fs/x'] ?? '', 'inode.o')).toEqual([{ list: 'x', options: [] }]);
  });

  it('reads lists whose items have a folder put before them', () => {
    const text =
      'ifeq ($(CONFIG_X_SCRUB),y)\nx-y += $(addprefix scrub/, \\\n\treap.o \\\n\trepair.o)\nendif\n';
    expect(entriesOf(text, 'scrub/repair.o')).toEqual([{ list: 'x', options: ['CONFIG_X_SCRUB'] }]);
    expect(entriesOf(text, 'repair.o')).toEqual([]);
  });
});

describe('who includes whom', () => {
  const printed = [
    'fs/a.c:#include "internal.h"',
    'fs/a.c:#  include <linux/x.h>',
    'mm/b.c:#include "internal.h"',
    'fs/internal.h:#include "../shared/deep.h"',
    'drivers/c.c:#include <deep.h>',
    'kernel/sched/all.c:#include "rt.c"',
    'garbage',
  ].join('\n');
  const files = new Set(['fs/internal.h', 'mm/internal.h', 'shared/deep.h', 'kernel/sched/rt.c']);
  const exists = (path: string) => files.has(path);
  const index = parseIndex(shorten(printed));
  const includers = (...paths: string[]) => closure(index, paths, exists);

  it('is followed through headers, and to the one beside the includer', () => {
    expect(includers('fs/internal.h')).toEqual(['fs/a.c']);
    expect(includers('mm/internal.h')).toEqual(['mm/b.c']);
    expect(includers('shared/deep.h')).toEqual(['drivers/c.c', 'fs/a.c']);
    expect(includers('include/linux/x.h')).toEqual(['fs/a.c']);
    expect(includers('include/linux/y.h')).toEqual([]);
  });

  it('finds the source that includes a source', () => {
    expect(includers('kernel/sched/rt.c')).toEqual(['kernel/sched/all.c']);
  });

  it('takes an end of a path for an -I folder, but no part of a name', () => {
    expect(canMean('deep.h', 'drivers/c.c', 'shared/deep.h', exists)).toBe(true);
    expect(canMean('eep.h', 'drivers/c.c', 'shared/deep.h', exists)).toBe(false);
  });

  it('ends where files include each other', () => {
    const circle = parseIndex('a.h\tb.h\nb.h\ta.h\nx.c\ta.h');
    expect(closure(circle, ['b.h'], () => false)).toEqual(['x.c']);
  });
});

it('a configuration is read as values', () => {
  const config = parseConfig(
    '# CONFIG_OFF is not set\nCONFIG_A=y\nCONFIG_N=n\nCONFIG_T="a \\"b\\""\nCONFIG_I=0x10\n',
  );
  expect(Object.fromEntries(config)).toEqual({ CONFIG_A: 'y', CONFIG_T: 'a "b"', CONFIG_I: '0x10' });
});
