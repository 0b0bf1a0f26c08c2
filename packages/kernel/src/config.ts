/**
 * Values of a kernel configuration by full name: `CONFIG_SMP` → `y`, `CONFIG_NR_CPUS` → `8192`, strings without their
 * quotes. An option that is off has no entry.
 */
export type KernelConfig = ReadonlyMap<string, string>;

/** Reads the text of a `.config`; lines that set nothing are passed over. */
export function parseConfig(text: string): KernelConfig {
  const config = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
    if (!match?.[1] || match[2] === undefined || match[2] === 'n') continue;
    const value = match[2];
    config.set(match[1], value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);
  }
  return config;
}
