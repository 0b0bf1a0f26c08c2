/**
 * The frames between the host and the init of the proof VM, guest/init.c. The host asks, the guest answers each request
 * with one reply, in order; the first reply (`sequence` 0) answers no request and says that the guest is ready.
 * Lengths frame everything, and every reply carries the nonce of the run, so that nothing the guest prints passes for one.
 */

/** What the guest can be asked; the numbers are those of guest/init.c. */
export const operations = {
  load: 1,
  unload: 2,
  write: 3,
  read: 4,
  run: 5,
  wait: 6,
  log: 7,
  tasks: 8,
  put: 9,
  resume: 10,
  watch: 11,
} as const;

export type Operation = keyof typeof operations;

/** Bytes of the nonce. */
export const nonceSize = 16;
/** Most bytes of a request's arguments, and of a reply's output. */
export const maxPayload = 65536;
export const maxOutput = 1 << 20;

const magic = 0x51504c4b;
const requestHeader = 24;
const replyHeader = 56;

/** What the guest answered. */
export interface Reply {
  readonly sequence: number;
  /** errno of the operation (0: done), or a command's exit code; with `isSignalled` the signal's number. */
  readonly status: number;
  /** The time limit passed before it was done. */
  readonly isTimedOut: boolean;
  /** Not even SIGKILL ended it. */
  readonly isStuck: boolean;
  readonly isSignalled: boolean;
  readonly output: Uint8Array;
  /** Bytes that there were; more than `output` holds when it was cut. */
  readonly totalBytes: number;
  /** Guest's monotonic clock in seconds, when it began and when it ended. */
  readonly start: number;
  readonly end: number;
}

/** Encodes a request. Arguments are NUL-terminated strings to the guest, so they must not hold NUL. */
export function encodeRequest(
  sequence: number,
  operation: Operation,
  args: readonly string[],
  timeoutMs: number,
  limit: number,
): Uint8Array {
  if (args.some((arg) => arg.includes('\0'))) throw new TypeError('a request cannot carry a NUL character');
  const payload = new TextEncoder().encode(args.join('\0'));
  if (payload.length > maxPayload)
    throw new TypeError(`a request of ${payload.length} bytes is longer than ${maxPayload}`);
  const bytes = new Uint8Array(requestHeader + payload.length);
  const view = new DataView(bytes.buffer);
  const fields = [magic, sequence, operations[operation], timeoutMs, limit, payload.length];
  for (const [i, field] of fields.entries()) view.setUint32(i * 4, field, true);
  bytes.set(payload, requestHeader);
  return bytes;
}

/** Cuts the guest's byte stream into replies. */
export interface ReplyReader {
  /** Takes the next bytes and gives the replies that they complete. Throws for what is no reply of this run. */
  push(chunk: Uint8Array): Reply[];
}

/** Reads replies that carry `nonce` (16 bytes). */
export function replyReader(nonce: Uint8Array): ReplyReader {
  let pending = new Uint8Array(0);
  return {
    push(chunk) {
      const bytes = new Uint8Array(pending.length + chunk.length);
      bytes.set(pending);
      bytes.set(chunk, pending.length);
      const replies: Reply[] = [];
      let at = 0;
      while (bytes.length - at >= replyHeader) {
        const view = new DataView(bytes.buffer, at);
        if (nonce.some((byte, i) => byte !== bytes[at + i]))
          throw new Error('the second serial port carries something else than replies of this run');
        const flags = view.getUint32(24, true);
        const length = view.getUint32(28, true);
        if (length > maxOutput) throw new Error(`a reply of ${length} bytes is longer than ${maxOutput}`);
        if (bytes.length - at < replyHeader + length) break;
        replies.push({
          sequence: view.getUint32(16, true),
          status: view.getInt32(20, true),
          isTimedOut: (flags & 1) !== 0,
          isStuck: (flags & 2) !== 0,
          isSignalled: (flags & 4) !== 0,
          output: bytes.slice(at + replyHeader, at + replyHeader + length),
          totalBytes: Number(view.getBigUint64(32, true)),
          start: Number(view.getBigUint64(40, true)) / 1e9,
          end: Number(view.getBigUint64(48, true)) / 1e9,
        });
        at += replyHeader + length;
      }
      pending = bytes.slice(at);
      return replies;
    },
  };
}
