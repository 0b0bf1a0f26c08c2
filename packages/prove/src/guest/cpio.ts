/** An entry of an initramfs. Folders have neither `data` nor `target`. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode?: number;
  readonly data?: Uint8Array;
  /** A symbolic link's target. */
  readonly target?: string;
}

/** Writes an archive in the "newc" format of cpio, as the kernel's initramfs wants it. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  const pad = (size: number) => new Uint8Array((4 - (size % 4)) % 4);
  const all = [...entries, { path: 'TRAILER!!!', mode: 0, data: new Uint8Array(0) }];
  for (const [i, entry] of all.entries()) {
    const data = entry.target === undefined ? entry.data : encoder.encode(entry.target);
    const type = entry.target !== undefined ? 0o120000 : entry.data ? 0o100000 : 0o040000;
    const mode = entry.path === 'TRAILER!!!' ? 0 : type | (entry.mode ?? 0o755);
    const name = encoder.encode(`${entry.path}\0`);
    const fields = [i + 1, mode, 0, 0, 1, 0, data?.length ?? 0, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    chunks.push(encoder.encode(header), name, pad(header.length + name.length));
    if (data) chunks.push(data, pad(data.length));
  }
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
