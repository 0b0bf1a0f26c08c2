import { expect, test } from 'vitest';
import { annotatedPair } from '../annotations/testing/fix.ts';
import { planOf } from './parts.ts';

/** A unit whose function of that name is fixed, with what the fix says. */
async function part(source: string, owner: string, name: string, annotations = '', isFixed = true) {
  const { annotations: said, extract } = await annotatedPair(`
int ${name}(int x) { return external(x)${isFixed ? '\n#ifdef FIX\n+ 1\n#endif\n' : ''}; }
#ifdef FIX
#include <klpkit/livepatch.h>
${annotations}
#endif
`);
  const { extraction } = extract();
  return { unit: { judged: { unit: { source, owner }, annotations: said } }, extraction };
}

const on = (name: string) =>
  `static void ${name}(struct klp_object *obj) { use(obj); } KLPKIT_POST_PATCH_CALLBACK(${name});`;

async function plan(...parts: readonly ReturnType<typeof part>[]) {
  const made = await Promise.all(parts);
  const { plan: tables, findings } = planOf(
    { name: 'livepatch_fix' },
    made.map(({ unit }) => unit),
    made.map(({ extraction }) => extraction),
  );
  return { ...tables, told: findings.map(({ what }) => what) };
}

test('each object has the callbacks of its units, and the livepatch all states', async () => {
  const { objects, states, told } = await plan(
    part('drivers/a.c', 'amod', 'a', `${on('a_on')} KLPKIT_STATE(9, 1);`),
    part('fs/b.c', 'vmlinux', 'b', `KLPKIT_STATE(7, 2); KLPKIT_STATE(9, 1);`),
    part('fs/c.c', 'vmlinux', 'c', on('c_on')),
  );
  expect(told).toEqual([]);
  expect(objects.map(({ name, callbacks }) => [name, callbacks?.map(({ kind }) => kind)])).toEqual([
    ['vmlinux', ['post_patch']],
    ['amod', ['post_patch']],
  ]);
  expect(states).toEqual([
    { id: 7, version: 2 },
    { id: 9, version: 1 },
  ]);
  expect(await plan(part('fs/b.c', 'vmlinux', 'b'))).not.toHaveProperty('states');
});

test('what the kernel has no place for is refused, all at once', async () => {
  const { told } = await plan(
    part('fs/b.c', 'vmlinux', 'b', `${on('first')} KLPKIT_STATE(7, 2);`),
    part('fs/c.c', 'vmlinux', 'c', `${on('second')} KLPKIT_STATE(7, 3);`),
    part('drivers/a.c', 'amod', 'a', on('third'), false),
  );
  expect(told).toEqual([
    'second is a second post_patch callback of vmlinux',
    'the post_patch callback third is one of amod, of which the fix changes no function',
    'state 7 has version 2 in fs/b.c and 3 in fs/c.c',
  ]);
  const alone = await plan(part('fs/b.c', 'vmlinux', 'b', 'KLPKIT_STATE(7, 2);', false));
  expect(alone.told).toEqual(['the fix has states and changes no function']);
});
