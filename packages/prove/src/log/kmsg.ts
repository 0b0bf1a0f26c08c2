/** One message of the kernel's log. */
export interface KernelMessage {
  /** 0 (emergency) to 7 (debug), as in the kernel's include/linux/kern_levels.h. */
  readonly level: number;
  /** The kernel's number of the record; numbers follow one another unless records were lost. */
  readonly sequence: number;
  /** Seconds since boot, by the guest's clock. */
  readonly seconds: number;
  readonly text: string;
}

/**
 * Reads records as /dev/kmsg gives them, parted by NUL: `level,sequence,microseconds,flags;text`, then lines of
 * `KEY=value` that begin with a space. What does not look like that is kept as a message of its own.
 *
 * @see the kernel's Documentation/ABI/testing/dev-kmsg
 */
export function readKmsg(bytes: Uint8Array): KernelMessage[] {
  const messages: KernelMessage[] = [];
  for (const record of new TextDecoder().decode(bytes).split('\0')) {
    if (record === '') continue;
    const match = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(record);
    if (!match) {
      messages.push({ level: 4, sequence: -1, seconds: 0, text: record.trimEnd() });
      continue;
    }
    const [, prefix, sequence, microseconds, text = ''] = match;
    messages.push({
      // The facility is in the bits above.
      level: Number(prefix) & 7,
      sequence: Number(sequence),
      seconds: Number(microseconds) / 1e6,
      text: unescapeText(text),
    });
  }
  return messages;
}

/** /dev/kmsg writes control characters and backslashes as \xNN; a newline ends up as a space for a line's sake. */
function unescapeText(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (whole, digits: string) => {
    const code = Number.parseInt(digits, 16);
    return code === 0x5c ? '\\' : code === 0x0a || code === 0x09 ? ' ' : whole;
  });
}

/** How many records are missing between the messages, which the kernel overwrote before they were read. */
export function lostRecords(messages: readonly KernelMessage[]): number {
  let lost = 0;
  let last = -1;
  for (const { sequence } of messages) {
    if (sequence < 0) continue;
    if (last >= 0 && sequence > last + 1) lost += sequence - last - 1;
    last = sequence;
  }
  return lost;
}

/** The messages of a console, for a guest that died before its log could be read: lines without their timestamps. */
export function consoleMessages(console: string): KernelMessage[] {
  return console
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const match = /^\[\s*(\d+\.\d+)\](?:\[\s*[TC]\d+\])?\s?(.*)$/.exec(line);
      return { level: 4, sequence: -1, seconds: Number(match?.[1] ?? 0), text: match?.[2] ?? line };
    });
}
