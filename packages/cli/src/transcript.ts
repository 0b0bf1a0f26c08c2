import type { Proof } from '@klpkit/prove';

/** Everything that was asked of the VMs and that they said, as text: for each boot its console, then each request with its answer. */
export function formatTranscript(proof: Proof): string {
  const lines = [`kernel ${proof.kernel.id}, verdict ${proof.verdict}`];
  for (const [index, boot] of proof.boots.entries()) {
    const names = proof.livepatches.filter((livepatch) => livepatch.boot === index).map(({ name }) => name);
    const ready =
      boot.readySeconds === undefined ? 'never ready' : `ready in ${boot.readySeconds.toFixed(2)} s`;
    lines.push('', `== boot ${index + 1} (${boot.accel}, ${boot.how}, ${ready}): ${names.join(', ')}`, '');
    if (boot.savedState) lines.push(`saved state ${boot.savedState}`);
    if (boot.problem) lines.push(boot.problem);
    lines.push('-- console', boot.console.trimEnd());
    for (const { label, status, isTimedOut, start, end, output, totalBytes } of boot.records) {
      const how = isTimedOut ? 'time limit passed' : `status ${status}`;
      lines.push('', `-- [${start.toFixed(3)} to ${end.toFixed(3)} s] ${label}: ${how}, ${totalBytes} bytes`);
      if (output !== '') lines.push(output.trimEnd());
    }
  }
  return `${lines.join('\n')}\n`;
}
