/** A number as readers of this package write it in their errors: `0x4a20`. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
