/** One reason for which a kernel calls itself tainted. */
export interface Taint {
  readonly letter: string;
  readonly meaning: string;
}

/**
 * The taints by bit, as the kernel's Documentation/admin-guide/tainted-kernels.rst counts them.
 * Bits that it does not know are shown by number.
 */
const taints: readonly (readonly [letter: string, meaning: string])[] = [
  ['P', 'a proprietary module was loaded'],
  ['F', 'a module was loaded by force'],
  ['S', 'the processor is out of its specification'],
  ['R', 'a module was unloaded by force'],
  ['M', 'the processor reported a machine check'],
  ['B', 'a bad page was referenced'],
  ['U', 'a program asked for it'],
  ['D', 'the kernel died: an oops or a bug'],
  ['A', 'an ACPI table was overridden'],
  ['W', 'the kernel warned'],
  ['C', 'a staging driver was loaded'],
  ['I', 'a defect of the firmware is worked around'],
  ['O', 'a module was loaded that was built out of the tree'],
  ['E', 'a module was loaded that is not signed'],
  ['L', 'a processor was stuck (soft lockup)'],
  ['K', 'a livepatch was loaded'],
  ['X', "the distribution's own taint"],
  ['T', 'the layout of structures is randomised'],
  ['N', 'a test of the kernel ran in it'],
  ['J', 'a program changed what firmware shows through fwctl'],
];

/** The reasons in a value of `/proc/sys/kernel/tainted`. */
export function readTaint(value: number): Taint[] {
  const found: Taint[] = [];
  // Bits above 31 are out of reach of JavaScript's shifts.
  for (let bit = 0, rest = Math.floor(value); bit < 53 && rest > 0; bit++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 0) continue;
    const [letter, meaning] = taints[bit] ?? [`#${bit}`, 'a reason that klpkit does not know'];
    found.push({ letter, meaning });
  }
  return found;
}
