/** Text that grows without bound, of which the beginning and the end are kept. */
export interface BoundedText {
  push(chunk: Uint8Array): void;
  /** The last 16 KiB at least. */
  tail(): string;
  /** Everything kept, with a line that says what is missing. */
  all(): string;
}

/** Keeps the first and the last `half` characters (default 512 Ki each) of a console, without carriage returns and escapes. */
export function boundedText(half = 1 << 19): BoundedText {
  const decoder = new TextDecoder();
  let head = '';
  let tail = '';
  let dropped = 0;
  return {
    push(chunk) {
      const text = decoder.decode(chunk, { stream: true });
      const room = half - head.length;
      if (tail === '' && room > 0) {
        head += text.slice(0, room);
        tail = text.slice(room);
      } else {
        tail += text;
      }
      if (tail.length > 2 * half) {
        dropped += tail.length - half;
        tail = tail.slice(-half);
      }
    },
    tail: () => plain(tail.length >= 16384 || head === '' ? tail.slice(-32768) : head.slice(-16384) + tail),
    all: () => plain(dropped ? `${head}\n[${dropped} characters left out]\n${tail}` : head + tail),
  };
}

/** Without carriage returns, terminal escapes and other control characters. */
export function plain(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes are what is removed
      .replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: so are control characters
      .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
  );
}
