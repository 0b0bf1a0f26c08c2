/** Errors that the kernel answers with, by number (include/uapi/asm-generic/errno-base.h, errno.h). */
export const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  5: 'EIO',
  6: 'ENXIO',
  8: 'ENOEXEC',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  28: 'ENOSPC',
  34: 'ERANGE',
  38: 'ENOSYS',
  71: 'EPROTO',
  74: 'EBADMSG',
  95: 'EOPNOTSUPP',
  110: 'ETIMEDOUT',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  129: 'EKEYREJECTED',
  524: 'ENOTSUPP',
};

/** `EINVAL` for 22; `errno 200` for what has no name here. */
export function errnoName(errno: number): string {
  return errnoNames[errno] ?? `errno ${errno}`;
}
