import { expect, test } from 'vitest';
import { extractPair, told } from '../../author/src/extract/testing/pair.ts';
import { assessCase, said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP402: a loop that asks whether its thread is to stop', async () => {
  expect(said(await assessCase(folder, { fix: 'thread.c' }), 'KLP402').join()).toContain(
    'warning KLP402: poller: poller asks kthread_should_stop()',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP402')).toEqual([]);
});

test('KLP402: a function that its own unit starts a thread with is an error of the extraction, said once', async () => {
  const source = (start: string) => `
    extern int kthread_should_stop(void);
    extern void *kthread_create_on_node(int (*fn)(void *), void *data, int node, const char *name);
    static int poller(void *data) {
      while (!kthread_should_stop())
    #ifdef FIX
        external(2);
    #else
        external(1);
    #endif
      return 0;
    }
    void *begin(void) { ${start} }`;
  const symbols = {
    exports: { kthread_should_stop: { owner: 'vmlinux' }, kthread_create_on_node: { owner: 'vmlinux' } },
  };
  const started = await extractPair(
    source('return kthread_create_on_node(poller, 0, -1, "poller");'),
    symbols,
  );
  expect(told(started)).toEqual(['KLP402 error poller']);
  const called = await extractPair(source('return (void *)(long)poller(0);'), symbols);
  expect(told(called)).not.toContain('KLP402 error poller');
  const unit = await assessCase(folder, {
    fix: 'thread.c',
    evidence: { found: [{ id: 'KLP402', severity: 'error', what: 'said', at: { symbol: 'poller' } }] },
  });
  expect(said(unit, 'KLP402')).toHaveLength(1);
});

test('KLP402: a module that replaces such a loop', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP402').join()).toContain(
    'poller asks kthread_should_stop()',
  );
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP402')).toEqual([]);
});
