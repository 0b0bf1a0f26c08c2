/**
 * Bytes that are not what their format demands.
 *
 * The message is one line, `format: what was expected, what was found, at which offset`, and reads well in a report.
 * Every reader of this package throws this and nothing else for bad input, so that a caller can tell a damaged file from a defect.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}
