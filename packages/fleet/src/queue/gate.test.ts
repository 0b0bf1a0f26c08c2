import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, startRedis } from '../testing/services.ts';
import { connectQueue } from './address.ts';
import { Gate } from './gate.ts';

it('lets in as many jobs as there are places, of both queues together, and all of them in the end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-gate-'));
  const redis = await startRedis(folder, await freePort());
  const connections: ReturnType<typeof connectQueue>[] = [];
  const connect = () => {
    const connection = connectQueue({ host: '127.0.0.1', port: redis.port });
    connections.push(connection);
    return { connection };
  };
  const names = ['build', 'prove'];
  const queues = names.map((name) => new Queue(name, connect()));
  const gate = new Gate(2);
  let most = 0;
  const done: string[] = [];
  const workers = names.map((name, index) => {
    const worker = new Worker(
      name,
      (job, token) =>
        gate.through(job, token, async () => {
          most = Math.max(most, gate.running);
          // Longer than it takes to fetch another.
          for (let turn = 0; turn < 20; turn++) await queues[index]?.getJobCounts();
          done.push(`${name} ${job.id}`);
        }),
      { ...connect(), concurrency: 2 },
    );
    gate.add(worker);
    return worker;
  });
  onTestFinished(async () => {
    gate.close();
    for (const one of [...workers, ...queues]) await one.close();
    for (const one of connections) one.disconnect();
    await redis.kill();
    rmSync(folder, { recursive: true });
  });
  for (const queue of queues)
    for (let job = 0; job < 10; job++) await queue.add('work', {}, { jobId: `job-${job}` });
  await expect.poll(() => done.length, { timeout: 30_000 }).toBe(20);
  expect(new Set(done).size).toBe(20);
  expect(most).toBe(2);
  expect(gate.running).toBe(0);
});
