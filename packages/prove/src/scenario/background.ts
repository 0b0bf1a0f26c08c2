const folder = '/tmp/klpkit';

/** A text as one word of a shell's command. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Starts `times` copies of a command, each in a session of its own, and waits until they run. */
export function startScript(name: string, command: string, times: number): string {
  const inner = `echo $$ >"$KLPKIT_PID"; exec >"$KLPKIT_PID.out" 2>&1; ${command}`;
  return [
    `mkdir -p ${folder}`,
    `rm -f ${folder}/${name}.[0-9]*`,
    `n=0; while [ $n -lt ${times} ]; do`,
    `  KLPKIT_PID=${folder}/${name}.$n setsid sh -c ${quoted(inner)} </dev/null >/dev/null 2>&1 &`,
    '  n=$((n+1)); done',
    `n=0; while [ $n -lt ${times} ]; do`,
    `  while ! [ -s ${folder}/${name}.$n ]; do usleep 5000; done; n=$((n+1)); done`,
  ].join('\n');
}

/**
 * Ends what {@link startScript} started. Exit code 1, and on the output what they had printed, when one of them had ended by itself;
 * 2 when one cannot be ended within the limit.
 */
export function stopScript(name: string, times: number, seconds: number): string {
  return [
    'runs() { [ -e /proc/$1/status ] && ! grep -q "^State:[[:space:]]*Z" /proc/$1/status; }',
    `bad=0; n=0; while [ $n -lt ${times} ]; do`,
    `  file=${folder}/${name}.$n; pid=$(cat $file); n=$((n+1))`,
    '  if ! runs $pid; then bad=1; echo "ended by itself; it had printed:"; tail -c 2000 $file.out; continue; fi',
    '  kill -TERM -$pid 2>/dev/null; left=20; while runs $pid && [ $left -gt 0 ]; do usleep 50000; left=$((left-1)); done',
    `  kill -KILL -$pid 2>/dev/null; left=${Math.ceil(seconds * 20)}`,
    '  while runs $pid && [ $left -gt 0 ]; do usleep 50000; left=$((left-1)); done',
    '  if runs $pid; then echo "process $pid cannot be ended; it is in:"; cat /proc/$pid/stack; exit 2; fi',
    'done; exit $bad',
  ].join('\n');
}
