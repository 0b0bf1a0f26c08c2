/** Debian packages of the commands that klpkit starts; a command that is not listed is in a package of its own name. */
const packageOf: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  as: 'binutils',
  bash: 'bash',
  flock: 'util-linux',
  ld: 'binutils',
  nm: 'binutils',
  objcopy: 'binutils',
  objdump: 'binutils',
  readelf: 'binutils',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
  'apt-cache': 'apt',
  xz: 'xz-utils',
  unxz: 'xz-utils',
  cp: 'coreutils',
  'qemu-img': 'qemu-utils',
};

/** The Debian package that has a command: `xz` gives `xz-utils`, `x86_64-linux-gnu-gcc-12` gives `gcc-12`. */
export function debianPackageOf(command: string): string {
  const name = command.slice(command.lastIndexOf('/') + 1).replace(/^x86_64-linux-gnu-/, '');
  return packageOf[name] ?? name;
}

/** The one command that installs Debian packages, with `sudo` for who is not root. */
export function aptInstall(packages: readonly string[]): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${sudo}apt-get install -y ${[...new Set(packages)].sort().join(' ')}`;
}
