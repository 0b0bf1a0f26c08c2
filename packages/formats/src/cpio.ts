/** What an archive holds at a path: a file with `data`, a link with `target`, a `device`, or else a folder. */
export interface CpioEntry {
  /** Relative, with `/` between its parts, such as `bin/init`. */
  readonly path: string;
  /** Permission bits; 0o755 for folders and 0o644 for the rest when not given, 0o777 for links always. */
  readonly mode?: number | undefined;
  readonly data?: Uint8Array | undefined;
  /** Of a symbolic link. */
  readonly target?: string | undefined;
  readonly device?:
    | { readonly type: 'character' | 'block'; readonly major: number; readonly minor: number }
    | undefined;
}

const encoder = new TextEncoder();
const type = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000, block: 0o060000 };

/** Eight digits, as every number of a `newc` header. */
function digits(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new RangeError(`cpio: ${value} does not fit into 32 bits`);
  return value.toString(16).toUpperCase().padStart(8, '0');
}

function align4(size: number): number {
  return (size + 3) & ~3;
}

/** One member: a header of 110 characters, the name with its NUL, the content; each padded to 4 bytes. */
function member(number: number, entry: CpioEntry): Uint8Array {
  const { path, data, target, device } = entry;
  const content = data ?? (target === undefined ? new Uint8Array(0) : encoder.encode(target));
  const name = encoder.encode(path);
  const isFolder = data === undefined && target === undefined && device === undefined;
  let mode: number;
  if (target !== undefined) mode = type.link | 0o777;
  else if (isFolder) mode = type.directory | (entry.mode ?? 0o755);
  else mode = type[device?.type ?? 'file'] | (entry.mode ?? 0o644);
  return pack(name, content, [
    number,
    number === 0 ? 0 : mode,
    0, // user
    0, // group
    isFolder && number !== 0 ? 2 : 1, // links
    0, // time
    content.length,
    0, // device of the archive
    0,
    device?.major ?? 0,
    device?.minor ?? 0,
    name.length + 1,
    0, // checksum, none in this format
  ]);
}

function pack(name: Uint8Array, content: Uint8Array, fields: readonly number[]): Uint8Array {
  const header = encoder.encode(`070701${fields.map(digits).join('')}`);
  const contentAt = align4(header.length + name.length + 1);
  const bytes = new Uint8Array(contentAt + align4(content.length));
  bytes.set(header);
  bytes.set(name, header.length);
  bytes.set(content, contentAt);
  return bytes;
}

function checkEntry(entry: CpioEntry): void {
  const { path, data, target, device } = entry;
  const parts = path.split('/');
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new RangeError(`cpio: ${JSON.stringify(path)} is no relative path without . and ..`);
  if ([data, target, device].filter((one) => one !== undefined).length > 1)
    throw new RangeError(`cpio: ${path} is more than one of file, link and device`);
  if (entry.mode !== undefined && (entry.mode & ~0o7777) !== 0)
    throw new RangeError(`cpio: mode 0${entry.mode.toString(8)} of ${path} has more than permission bits`);
}

/**
 * Writes an archive in the `newc` format, which the kernel unpacks as an initramfs.
 *
 * Folders that the paths need and nobody lists are added before their first use. Owner and time are always 0, so that the same
 * entries give the same bytes; their order is kept.
 *
 * @throws {RangeError} for a path that is absolute, leads upwards or comes twice
 * @see the kernel's Documentation/driver-api/early-userspace/buffer-format.rst
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const listed = new Set<string>();
  const parts: Uint8Array[] = [];
  const add = (entry: CpioEntry) => {
    if (listed.has(entry.path))
      throw new RangeError(`cpio: ${entry.path} comes twice, or after something inside it`);
    listed.add(entry.path);
    parts.push(member(listed.size, entry));
  };
  for (const entry of entries) {
    checkEntry(entry);
    for (let slash = entry.path.indexOf('/'); slash > 0; slash = entry.path.indexOf('/', slash + 1)) {
      const folder = entry.path.slice(0, slash);
      if (!listed.has(folder)) add({ path: folder });
    }
    add(entry);
  }
  parts.push(member(0, { path: 'TRAILER!!!' }));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
