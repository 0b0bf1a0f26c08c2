import { UsageError } from '@klpkit/findings';
import { StoreError } from '../store/index.ts';
import type { JobFailure } from '../types.ts';

/** Errors of the operating system that pass: no room, no memory, too many files. */
const resources = new Set(['ENOSPC', 'EDQUOT', 'ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN']);

/** Sorts what a job threw by who has to act. Nothing of this machine's paths is in it but what the message says. */
export function jobFailure(error: unknown): JobFailure {
  if (!(error instanceof Error)) return { kind: 'failed', class: 'defect', message: String(error) };
  const { message, name } = error;
  if (error instanceof UsageError)
    return { kind: 'failed', class: 'input', message, ...(error.next ? { next: error.next } : {}) };
  if (error instanceof StoreError) return { kind: 'failed', class: 'resource', message, next: error.next };
  if (name === 'FormatError') return { kind: 'failed', class: 'input', message };
  if (name === 'MissingTool' && 'remedy' in error)
    return { kind: 'failed', class: 'environment', message, next: String(error.remedy) };
  if (name === 'CommandFailed' || name === 'FetchFailed')
    return { kind: 'failed', class: 'environment', message };
  if ('code' in error && resources.has(String(error.code)))
    return { kind: 'failed', class: 'resource', message, next: 'give this machine more room and memory' };
  return { kind: 'failed', class: 'defect', message: `${name}: ${message}` };
}
