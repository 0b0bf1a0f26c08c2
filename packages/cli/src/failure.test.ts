import { Refusal, UsageError } from '@klpkit/findings';
import { FormatError } from '@klpkit/formats';
import { CommandFailed, CommandNotFound, MachineLacks } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { Context } from './context.ts';
import { failureOf, reportFailure } from './failure.ts';

function reported(error: unknown, options: { env?: Record<string, string>; isTTY?: boolean } = {}) {
  let stderr = '';
  const context = new Context({
    stdout: { write: () => {} },
    stderr: { write: (text) => (stderr += text), isTTY: options.isTTY },
    env: options.env ?? {},
  });
  context.command = 'build';
  const code = reportFailure(context, error);
  return { code, stderr };
}

describe('failures', () => {
  it.each([
    ['usage', new UsageError('no')],
    ['environment', new CommandNotFound('make')],
    [
      'environment',
      new CommandFailed(['make'], 'ended with code 2', { code: 2, timedOut: false, stdout: '', stderr: '' }),
    ],
    ['environment', Object.assign(new Error('no space left'), { code: 'ENOSPC' })],
    ['environment', new MachineLacks('/usr/bin/ld', 'ENOMEM', 'not enough memory')],
    ['environment', Object.assign(new Error('the store is down'), { name: 'StoreError', next: 'start it' })],
    ['input', new FormatError('elf: 3 bytes')],
    ['interrupted', new DOMException('the operation was aborted', 'AbortError')],
    ['defect', new TypeError('x is undefined')],
    ['defect', 'a string'],
  ])('sorts %s', (kind, error) => {
    expect(failureOf(error).kind).toBe(kind);
  });

  it('give every reason of a refusal at once, with code 1', () => {
    const { code, stderr } = reported(
      new Refusal([
        { id: 'KLP101', severity: 'error', what: 'one', why: 'because', next: 'do this' },
        { id: 'KLP102', severity: 'error', what: 'two' },
        { id: 'KLP103', severity: 'note', what: 'three' },
      ]),
    );
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error KLP101: one\n  why:  because\n  next: do this\nerror KLP102: two\nnote KLP103: three\nrefused for 2 reasons\n',
    );
  });

  it('give the command that installs what is missing', () => {
    const { code, stderr } = reported(new CommandNotFound('xz'));
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^klpkit build: the command xz is not on this machine\n {2}next: (sudo )?apt-get install -y xz-utils\n$/,
    );
  });

  it('show a stack of a defect under KLPKIT_DEBUG alone', () => {
    const error = new TypeError('x is undefined');
    const plain = reported(error);
    expect(plain).toEqual({
      code: 70,
      stderr:
        'klpkit build: this is a defect of klpkit: TypeError: x is undefined\n  next: report it with the output of the same command under KLPKIT_DEBUG=1\n',
    });
    expect(reported(error, { env: { KLPKIT_DEBUG: '1' } }).stderr).toContain('failure.test.ts');
  });

  it('have colour on a terminal alone, and not under NO_COLOR', () => {
    const error = new UsageError('no');
    expect(reported(error).stderr).not.toContain('\x1b[');
    expect(reported(error, { isTTY: true }).stderr).toContain('\x1b[31m');
    expect(reported(error, { isTTY: true, env: { NO_COLOR: '1' } }).stderr).not.toContain('\x1b[3');
  });
});
