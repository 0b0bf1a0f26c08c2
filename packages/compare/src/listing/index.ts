export { type Alignable, type AlignedRow, align, commonSubsequence } from './align.ts';
export { type ListedInstruction, listInstructions } from './listing.ts';
export { alignLines, type Line, listShipped, type ShippedLines } from './shipped.ts';
