import { UsageError } from '@klpkit/findings';

/** The kernels of Debian that klpkit knows: one architecture, three flavours. */
export type Flavour = 'amd64' | 'cloud-amd64' | 'rt-amd64';

/** What `debian:…` asks for: one release, or the newest of a series. */
export type DebianSpec =
  | { readonly kind: 'release'; readonly release: string; readonly series: string; readonly flavour: Flavour }
  | { readonly kind: 'series'; readonly series: string; readonly flavour: Flavour };

/** `uname -r` of Debian's kernels: `6.12.117+deb12-amd64`, `6.1.0-56-rt-amd64`. */
const releasePattern = /^(\d+\.\d+)\.[\w.+~]+(?:-\d[\w.+~]*)?-((?:cloud-|rt-)?amd64)$/;
const seriesPattern = /^(\d+\.\d+)(?:-((?:cloud-|rt-)?amd64))?$/;

/** Reads the part after `debian:`; throws {@link UsageError} for what no Debian kernel can be called. */
export function parseDebianSpec(spec: string): DebianSpec {
  const series = seriesPattern.exec(spec);
  if (series?.[1]) return { kind: 'series', series: series[1], flavour: (series[2] ?? 'amd64') as Flavour };
  const release = releasePattern.exec(spec);
  if (release?.[1])
    return { kind: 'release', release: spec, series: release[1], flavour: release[2] as Flavour };
  throw new UsageError(
    `${JSON.stringify(spec)} names no Debian kernel for amd64`,
    'give a release as `uname -r` prints it (debian:6.12.117+deb12-amd64) or a series (debian:6.12, debian:6.12-cloud-amd64)',
  );
}

/** The release of a kernel image package, if the package is one and fits the series and flavour. */
export function releaseOfPackage(name: string, series: string, flavour: Flavour): string | undefined {
  const release = /^linux-image-(.+?)(?:-unsigned)?$/.exec(name)?.[1];
  const match = release === undefined ? null : releasePattern.exec(release);
  return match?.[1] === series && match[2] === flavour ? release : undefined;
}

/** Whether a release is of what a series names: `6.12` and `6.12-amd64` have `6.12.117+deb12-amd64`, but no cloud kernel. */
export function isOfSeries(release: string, series: string): boolean {
  const [, wanted, flavour = 'amd64'] = seriesPattern.exec(series) ?? [];
  const [, of, has] = releasePattern.exec(release) ?? [];
  return wanted !== undefined && wanted === of && flavour === has;
}
