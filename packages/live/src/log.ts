import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, type Machine } from './machine.ts';

/** The kernel's log from a moment on. */
export interface LogTail {
  /** Messages since it was opened or last asked, without their timestamps. Empty where the log may not be read. */
  take(): string[];
  close(): void;
}

/**
 * Opens `/dev/kmsg` and passes over what is in it. Each read gives one record, `level,number,microseconds,flags;text`.
 *
 * @see the kernel's Documentation/ABI/testing/dev-kmsg
 */
export function openLog(machine: Machine): LogTail {
  let fd: number;
  try {
    fd = openSync(join(machine.root, 'dev/kmsg'), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return { take: () => [], close() {} };
  }
  const record = Buffer.alloc(8192);
  const take = (): string[] => {
    const lines: string[] = [];
    for (;;) {
      try {
        const count = readSync(fd, record);
        if (count === 0) return lines;
        const match = /^\d+,\d+,\d+,[^;]*;([^\n]*)/.exec(record.toString('utf8', 0, count));
        // Control characters come as \xNN.
        if (match) lines.push(match[1] ?? '');
      } catch (error) {
        // EPIPE: records were overwritten before they were read.
        if (codeOf(error) !== 'EPIPE') return lines;
      }
    }
  };
  take();
  return { take, close: () => closeSync(fd) };
}
