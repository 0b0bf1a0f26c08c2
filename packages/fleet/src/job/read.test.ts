import { UsageError } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { type BuildJob, jobFormat, type ProveJob } from '../types.ts';
import { readJob } from './read.ts';

const digest = 'a'.repeat(64);
const kernel = { id: 'debian:6.12.117+deb12-amd64', image: digest };
const build: BuildJob = {
  kind: 'build',
  kernel,
  name: 'livepatch_web_1',
  patches: [{ name: 'a.patch', digest }],
  overrides: { KLP501: 'a reason' },
  maxUnits: 3,
  route: 'source',
  shipped: [{ name: 'old.ko', digest }],
  unsupported: ['ax25'],
};
const prove: ProveJob = {
  kind: 'prove',
  kernel,
  module: { name: 'livepatch-web-1.ko', digest },
  objects: [{ name: 'vmlinux', functions: ['f'] }],
  checks: [{ run: 'true', before: '0' }],
  scenarios: [{ name: 'load-cycles', digest }],
};
const read = (job: unknown, more: object = {}) =>
  readJob({ format: jobFormat, version: '1.0.0', job, ...more }, '1.0.0');

describe('readJob', () => {
  it('takes jobs of both kinds as they are', () => {
    expect(read(build)).toEqual(build);
    expect(read(prove)).toEqual(prove);
  });

  it.each([
    ['another version of klpkit', build, { version: '0.9.0' }, 'the job is of klpkit 0.9.0, this is 1.0.0'],
    ['another format', build, { format: 99 }, 'no job of format 1: format'],
    ['more than a job has', { ...build, command: 'rm' }, {}, 'job.command'],
    ['more around it', build, { command: 'rm' }, 'command'],
    ['no kind', { ...build, kind: 'run' }, {}, 'job.kind'],
    ['a name that is a path', { ...build, name: '../../x' }, {}, 'job.name'],
    ['an input by a path', { ...build, patches: [{ name: '../x', digest }] }, {}, 'job.patches.0.name'],
    [
      'an input by no digest',
      { ...build, patches: [{ name: 'x', digest: '../x' }] },
      {},
      'job.patches.0.digest',
    ],
    ['no patches', { ...build, patches: [] }, {}, 'job.patches'],
    ['a module by a path', { ...prove, module: { name: 'a/b', digest } }, {}, 'job.module.name'],
    ['a command that is no text', { ...prove, checks: [{ run: ['rm'] }] }, {}, 'job.checks.0.run'],
    ['a text without end', { ...prove, checks: [{ run: 'x'.repeat(5000) }] }, {}, 'job.checks.0.run'],
    [
      'a scenario by no digest',
      { ...prove, scenarios: [{ name: 'x', digest: '' }] },
      {},
      'job.scenarios.0.digest',
    ],
    ['nothing', undefined, {}, 'job'],
  ])('refuses %s, and says where', (_, job, more, where) => {
    expect(() => read(job, more)).toThrow(UsageError);
    expect(() => read(job, more)).toThrow(where);
  });
});
