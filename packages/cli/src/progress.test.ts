import { describe, expect, it } from 'vitest';
import { bytesText, ProgressView, secondsText } from './progress.ts';

function view(isTTY: boolean) {
  const state = { text: '', now: 0 };
  const output = { write: (text: string) => (state.text += text), isTTY, columns: 40 };
  return { state, progress: new ProgressView(output, () => state.now) };
}

describe('progress where there is no terminal', () => {
  it('writes a line at the end of each piece of work', () => {
    const { state, progress } = view(false);
    progress.report({ label: 'download x', done: 0, total: 2e6, unit: 'bytes' });
    state.now = 1500;
    progress.report({ label: 'download x', done: 1e6, total: 2e6, unit: 'bytes' });
    expect(state.text).toBe('');
    state.now = 2000;
    progress.report({ label: 'download x', done: 2e6, total: 2e6, unit: 'bytes' });
    progress.end();
    expect(state.text).toBe('  download x, 2.0 MB, 2.00 s\n');
  });

  it('shows every five seconds that long work goes on', () => {
    const { state, progress } = view(false);
    progress.report({ label: 'compile', done: 0, total: 9, unit: 'units' });
    state.now = 4999;
    progress.report({ label: 'compile', done: 1, total: 9, unit: 'units' });
    expect(state.text).toBe('');
    state.now = 5000;
    progress.report({ label: 'compile', done: 2, total: 9, unit: 'units' });
    expect(state.text).toBe('  compile, 2 units of 9 units, 5.00 s\n');
    progress.end();
  });

  it('ends a step without a unit when the next begins, and is silent about short ones', () => {
    const { state, progress } = view(false);
    progress.report({ label: 'boot' });
    state.now = 3000;
    progress.report({ label: 'load', done: 0, total: 1 });
    state.now = 3100;
    progress.end();
    expect(state.text).toBe('  boot, 3.00 s\n');
  });

  it('writes no control characters', () => {
    const { state, progress } = view(false);
    progress.report({ label: 'boot' });
    state.now = 60_000;
    progress.report({ label: 'boot' });
    progress.clear();
    progress.end();
    expect(state.text).toContain('boot');
    expect(state.text).not.toContain('\r');
    expect(state.text).not.toContain('\x1b');
  });
});

describe('progress on a terminal', () => {
  it('is one line that is written over, cut to the width, and taken away for other text', () => {
    const { state, progress } = view(true);
    progress.report({ label: 'download a-package-with-a-long-name', done: 1, total: 2e9, unit: 'bytes' });
    expect(state.text).toBe('\r\x1b[K  download a-package-with-a-long-name, ');
    expect(state.text.length - '\r\x1b[K'.length, 'less than the columns').toBeLessThan(40);
    state.text = '';
    progress.clear();
    expect(state.text).toBe('\r\x1b[K');
    state.text = '';
    progress.end();
    expect(state.text).toBe('');
  });
});

describe('amounts', () => {
  it.each([
    [999, '999 B'],
    [1000, '1.0 kB'],
    [101_200_000, '101.2 MB'],
    [2_500_000_000, '2.5 GB'],
  ])('%i bytes', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it('seconds lose a digit when they are many', () => {
    expect([secondsText(420), secondsText(12_340)]).toEqual(['0.42 s', '12.3 s']);
  });
});
