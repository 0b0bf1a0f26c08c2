import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addKernel } from '@klpkit/kernel';
import { describe, expect, it } from 'vitest';
import { faults } from '../../packages/prove/src/log/faults.ts';
import { wordsOf } from './fault-words.ts';

/** Letters and spaces alone: what a page and a format of the kernel have in common. */
const plain = (text: string) => text.toLowerCase().replace(/[^a-z ]/g, '');

const page = readFileSync(
  join(import.meta.dirname, 'content/docs/troubleshooting/kernel-messages.mdx'),
  'utf8',
);
const explained = plain(
  [page, ...faults.flatMap(({ pattern }) => (pattern ? [wordsOf(pattern)] : []))].join(' '),
);

describe.each(['debian:6.12', 'debian:6.1'])("the page of the kernel's messages, held against %s", (name) => {
  it('has every message of kernel/livepatch', async () => {
    const { sourceDir } = await addKernel(name);
    const folder = join(sourceDir, 'kernel/livepatch');
    const formats = readdirSync(folder)
      .filter((file) => file.endsWith('.c'))
      .flatMap((file) => [
        ...readFileSync(join(folder, file), 'utf8').matchAll(/(?:pr_\w+|WARN)\((?:1, )?\s*"([^"]*)"/g),
      ])
      .map(([, format]) => format);
    expect(formats.length, 'premise: they are found').toBeGreaterThan(25);
    const isTold = (format: string) =>
      format
        .split(/%[a-z]+|\\n/)
        .map((part) => plain(part).trim())
        .every((part) => part.length < 4 || explained.includes(part));
    expect(formats.filter((format) => !isTold(format))).toEqual([]);
    expect(isTold('a message that nobody wrote'), 'premise: others are missed').toBe(false);
  });
});
