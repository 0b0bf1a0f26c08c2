import type { Job, JobResult } from '../types.ts';

/** Where jobs are done: in processes of this machine, or by workers behind a queue. Both give the same results. */
export interface Engine {
  /** Jobs that it does at once. */
  readonly width: number;
  /**
   * Does a job, or has it done.
   *
   * @param key name of the job, by which it is done once
   * @throws the signal's reason when aborted
   */
  run(key: string, job: Job, signal?: AbortSignal): Promise<JobResult>;
  close(): Promise<void>;
}
