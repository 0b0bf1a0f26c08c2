import type { Boot, Proof } from '@klpkit/prove';

/** Everything that was asked of the VMs and that they said, as text: for each boot its console, then each request with its answer. */
export function formatTranscript(proof: Proof): string {
  const boots = proof.boots.map((boot, index) => ({
    boot,
    names: proof.livepatches.filter((livepatch) => livepatch.boot === index).map(({ name }) => name),
  }));
  return `${[`kernel ${proof.kernel.id}, verdict ${proof.verdict}`, ...formatBoots(boots)].join('\n')}\n`;
}

/** Boots with what ran in each, as lines of a transcript. */
export function formatBoots(
  boots: readonly { readonly boot: Boot; readonly names: readonly string[] }[],
): string[] {
  const lines: string[] = [];
  for (const [index, { boot, names }] of boots.entries()) {
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
  return lines;
}
