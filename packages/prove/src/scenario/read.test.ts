import { Refusal, UsageError } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { readScenario } from './read.ts';
import { readyScenarios } from './ready.ts';

const head = 'name: test\nmodules: { patch: patch.ko, other: }\n';
const read = (text: string, values?: Record<string, string>) =>
  readScenario(text, { file: 'test.yaml', ...(values && { values }) });

/** What is wrong with a text: `line:column what [next]`. */
function wrongs(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.findings.map(({ at, what, next }) => {
      expect(at?.file).toBe('test.yaml');
      return `${at?.line}:${at?.column} ${what}${next ? ` [${next}]` : ''}`;
    });
  }
  return [];
}

describe('a scenario', () => {
  it('is read with its steps, in order, each with its place', () => {
    const scenario = read(`${head}steps:
  - load: patch
    params: a=1
    log: [/one/, two]
  - { run: cat /x, expect: 5, exit: 3, within: 1.5, always: true }
  - repeat:
      - { disable: patch, fails: EINVAL, wait: false }
    times: 4
  - expect-sysfs: { patch/enabled: 1, other: null }
`);
    expect(scenario.modules).toEqual([{ alias: 'patch', file: 'patch.ko' }, { alias: 'other' }]);
    const [load, run, repeat, sysfs] = scenario.steps;
    expect(load).toMatchObject({
      action: 'load',
      subject: 'patch',
      line: 4,
      column: 5,
      params: 'a=1',
      waits: true,
    });
    expect(load?.log).toEqual([/one/, 'two']);
    expect(run).toMatchObject({ action: 'run', expect: ['5'], exit: 3, seconds: 1.5, always: true });
    expect(repeat).toMatchObject({ action: 'repeat', times: 4 });
    expect(repeat?.steps).toMatchObject([{ action: 'disable', fails: 'EINVAL', waits: false, line: 9 }]);
    expect(sysfs?.values).toEqual([
      { path: 'patch/enabled', expected: '1' },
      { path: 'other', expected: undefined },
    ]);
  });

  it('has parameters that are filled in; what is not one is left to the shell', () => {
    const text = `${head}parameters:\n  target: { target-of: patch }\n  rounds: 2\nsteps:
  - modprobe: \${target}
  - run: echo \${HOME} \${rounds}
  - repeat: [ { rmmod: "\${target}" } ]
    times: \${rounds}
`;
    expect(read(text).steps.map(({ subject }) => subject)).toEqual([`\${target}`, `echo \${HOME} 2`, '']);
    expect(read(text, { target: 'loop', rounds: '7' }).steps).toMatchObject([
      { subject: 'loop' },
      { subject: `echo \${HOME} 7` },
      { times: 7, steps: [{ subject: 'loop' }] },
    ]);
    expect(() => read(text, { targt: 'loop' })).toThrow(UsageError);
    expect(() => read(text, { targt: 'loop' })).toThrow(/no parameter targt/);
    expect(() => read(text, { rounds: 'many' })).toThrow(/whole number from 1 to 1000 .* "many"/);
  });

  it('that klpkit brings is read, and is called like its file', async () => {
    const ready = await readyScenarios();
    expect(ready.length).toBeGreaterThanOrEqual(6);
    for (const { name, file, summary } of ready) {
      expect(file).toMatch(new RegExp(`/${name}\\.yaml$`));
      expect(summary).toMatch(/\.$/);
    }
  });
});

describe('a mistake is told with its place and what may stand there:', () => {
  it.each([
    [
      'an action that there is not',
      '  - laod: patch\n',
      /^4:5 this step does nothing \[a step has one of load, /,
    ],
    [
      'two actions',
      '  - { load: patch, unload: patch }\n',
      /^4:5 a step does one thing, and this has load and unload/,
    ],
    [
      'an alias',
      '  - load: pach\n',
      /^4:11 load wants an alias .* "pach" is none \[there are patch, other\]/,
    ],
    [
      'a key',
      '  - load: patch\n    exit: 1\n',
      /^5:5 load takes no "exit" \[it takes within, wait, params, /,
    ],
    ['an errno', '  - { load: patch, fails: EINVALID }\n', /^4:27 the name of an error .* "EINVALID"/],
    ['a number', '  - sleep: soon\n', /^4:12 seconds from 0 to 600 belongs here, and this is "soon"/],
    ['a flag', '  - { load: patch, wait: perhaps }\n', /^4:26 wait is true or false/],
    ['an expression', '  - { run: x, expect: "/(/" }\n', /^4:23 \/\(\/ is no regular expression/],
    [
      'a name',
      '  - stop: noise\n',
      /^4:11 no step before this one starts "noise" \[start it with `background`/,
    ],
    ['what is missing', '  - background: x\n', /^4:5 background needs name/],
    [
      'a fault',
      '  - { load: patch, allows: [nonsense] }\n',
      /^4:29 no fault is called "nonsense" \[there are /,
    ],
    [
      'a text with a colon',
      '  - { load: patch, log: [livepatch: done] }\n',
      /^4:26 .* and this is a mapping \[in YAML a colon .* quotation marks, "livepatch: done"\]/,
    ],
    ['a path', '  - expect-sysfs: { ../x: 1 }\n', /a path has no \.\./],
    ['an anchor', '  - load: *patch\n', /^4:\d+ this is no YAML|anchors and aliases/],
    ['an empty list', '  - repeat: []\n    times: 2\n', /the list of steps is empty/],
  ])('%s', (_, steps, expected) => {
    expect(wrongs(`${head}steps:\n${steps}`)).toEqual([expect.stringMatching(expected)]);
  });

  it('all at once, and of YAML only the first', () => {
    expect(wrongs(`${head}kernel: x\nsteps:\n  - load: a\n  - load: b\n`)).toEqual([
      expect.stringMatching(/^3:1 there is no key "kernel" here \[there may be \$schema, name, /),
      expect.stringMatching(/^5:11 /),
      expect.stringMatching(/^6:11 /),
    ]);
    expect(wrongs('name: test\nsteps: ]\n')).toEqual([expect.stringMatching(/^2:8 this is no YAML/)]);
  });

  it.each([
    ['', /a scenario is a mapping, and this is empty/],
    ['- a', /a scenario is a mapping, and this is a list/],
    ['name: x', /the scenario has no steps/],
    ['name: a b\nsteps: [{ sleep: 1 }]', /a name of letters, digits, dashes belongs here, and this is "a b"/],
    [`name: x\nsteps:\n${'  - sleep: 0\n'.repeat(1001)}`, /more than 1000 steps/],
    ['x'.repeat((1 << 20) + 1), /characters, more than/],
  ])('of the whole file: %#', (text, expected) => {
    expect(wrongs(text).join('\n')).toMatch(expected);
  });
});
