import type { Socket } from 'node:net';

/** QEMU's monitor: takes a command, gives its answer. @see QEMU's documentation, "QEMU Machine Protocol Specification" */
export interface Monitor {
  /** Throws for a command that QEMU refuses, and once the connection is closed. */
  ask(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** Speaks QMP on a connection that QEMU has made. */
export function monitorOn(socket: Socket): Monitor {
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let closed: Error | undefined;
  let pending = '';
  const close = (error: Error) => {
    closed ??= error;
    for (const { reject } of waiting.splice(0)) reject(closed);
  };
  socket.setEncoding('utf8');
  socket.on('error', close);
  socket.on('close', () => close(new Error('QEMU closed its monitor')));
  socket.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      try {
        const message = JSON.parse(line) as { return?: unknown; error?: { desc?: string } };
        // The greeting and events answer nothing.
        if ('error' in message) waiting.shift()?.reject(new Error(`QEMU: ${message.error?.desc}`));
        else if ('return' in message) waiting.shift()?.resolve(message.return);
      } catch (error) {
        close(error as Error);
      }
    }
  });
  return {
    ask(command, args) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(closed);
        waiting.push({ resolve, reject });
        socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
      });
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Saves the state of the VM through `cat > state` in QEMU's folder, and lets it go on, whether that went well or not.
 *
 * @throws {Error} for a QEMU that cannot
 */
export async function saveState(monitor: Monitor): Promise<void> {
  await monitor.ask('qmp_capabilities');
  await monitor.ask('stop');
  // The usual limit of 128 MiB/s is meant for networks.
  await monitor.ask('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
  try {
    await monitor.ask('migrate', { uri: 'exec:cat > state' });
    for (;;) {
      const { status } = (await monitor.ask('query-migrate')) as { status?: string };
      if (status === 'completed') break;
      if (status === 'failed' || status === 'cancelled')
        throw new Error(`QEMU: saving the state has ${status}`);
      await pause(10);
    }
  } finally {
    await monitor.ask('cont');
  }
}

/** Waits until QEMU has read the state that it was started with; the VM then stands still. */
export async function stateRead(monitor: Monitor): Promise<void> {
  await monitor.ask('qmp_capabilities');
  for (;;) {
    const { status } = (await monitor.ask('query-status')) as { status?: string };
    if (status !== 'inmigrate') return;
    await pause(5);
  }
}
