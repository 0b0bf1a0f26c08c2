import { expect, it } from 'vitest';
import { consoleMessages, lostRecords, readKmsg } from './kmsg.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('reads records of /dev/kmsg: level without facility, seconds, text without its key=value lines', () => {
  const log = readKmsg(
    bytes(
      "5,350,4587625,-;livepatch: enabling patch 'good'\n\0" +
        '30,351,4600000,-;a\\x0ab\\x5cc\n SUBSYSTEM=pci\n\0',
    ),
  );
  expect(log).toEqual([
    { level: 5, sequence: 350, seconds: 4.587625, text: "livepatch: enabling patch 'good'" },
    { level: 6, sequence: 351, seconds: 4.6, text: 'a b\\c' },
  ]);
});

it('keeps what is no record', () => {
  expect(readKmsg(bytes('what is this\0'))).toMatchObject([{ text: 'what is this', sequence: -1 }]);
});

it('counts the records that were overwritten, and none where none were', () => {
  const record = (n: number) => `4,${n},1,-;x\n\0`;
  expect(lostRecords(readKmsg(bytes(record(3) + record(4))))).toBe(0);
  expect(lostRecords(readKmsg(bytes(record(3) + record(9))))).toBe(5);
});

it('takes timestamps and callers off the lines of a console', () => {
  expect(consoleMessages('[   29.331167] watchdog: BUG: x\n\n[    1.5][  T130] y\nz')).toMatchObject([
    { seconds: 29.331167, text: 'watchdog: BUG: x' },
    { seconds: 1.5, text: 'y' },
    { text: 'z' },
  ]);
});
