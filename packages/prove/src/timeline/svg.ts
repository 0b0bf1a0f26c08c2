import { passWords, reasonWords, switchWords, timelineTitle } from './format.ts';
import type { Timeline } from './timeline.ts';

const width = 800;
const left = 190;
const right = 16;
const top = 46;
const rowHeight = 22;
/** Rows that are drawn; the text and the JSON have all. */
const mostRows = 40;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names of tasks may hold them, and XML must not
  return text.replace(/[\x00-\x1f\x7f]/g, '?').replace(/[&<>"]/g, (character) => escapes[character] ?? '');
}

/** A step of the axis that gives at most eight marks: 1, 2 or 5 times a power of ten. */
function axisStep(seconds: number): number {
  const rough = Math.max(seconds, 0.001) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}

const style = [
  'text{font:12px system-ui,sans-serif;fill:currentColor}',
  '.small{font-size:11px;opacity:.75}',
  '.axis{stroke:currentColor;opacity:.25}',
  '.wait{fill:#c2410c}.done{fill:#15803d}.never{fill:#b91c1c}.mark{fill:currentColor}',
  '@media(prefers-color-scheme:dark){.wait{fill:#fb923c}.done{fill:#4ade80}.never{fill:#f87171}}',
].join('');

/**
 * A timeline as an SVG file: a row for each task, waiting and switched told apart by colour, height and words. The same timeline gives
 * the same bytes. Text takes the colour of where it stands, and the colours follow a dark scheme.
 */
export function timelineSvg(timeline: Timeline): string {
  const { firstPass, tasks, seconds } = timeline;
  const rows = tasks.slice(0, mostRows);
  const more = tasks.length - rows.length;
  const height = top + rowHeight * (rows.length + 1 + (more > 0 ? 1 : 0)) + 26;
  const span = Math.max(seconds, 0.001);
  const x = (at: number) =>
    Math.round(10 * (left + ((width - left - right) * Math.min(at, span)) / span)) / 10;
  const title = timelineTitle(timeline);
  const slowest = rows[0];
  const desc = [
    firstPass ? `${passWords(timeline)}.` : 'It was over before it was looked at.',
    ...(slowest
      ? [
          `Last: ${slowest.name}:${slowest.tid} ${[switchWords(slowest), ...reasonWords(slowest)].join('; ')}.`,
        ]
      : []),
  ].join(' ');
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escapeText(title)}</title>`,
    `<desc id="desc">${escapeText(desc)}</desc>`,
    `<style>${style}</style>`,
    `<text x="8" y="18">${escapeText(title)}</text>`,
  ];
  const bottom = height - 20;
  const step = axisStep(span);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  for (let n = 0; n * step <= span * 1.0001; n++) {
    const at = x(n * step);
    out.push(`<line class="axis" x1="${at}" x2="${at}" y1="${top - 10}" y2="${bottom}"/>`);
    out.push(
      `<text class="small" x="${at}" y="${top - 14}" text-anchor="middle">${(n * step).toFixed(digits)} s</text>`,
    );
  }
  const bar = (kind: string, from: number, to: number, y: number, thickness: number) => {
    const wide = Math.round(10 * Math.max(1, x(to) - x(from))) / 10;
    out.push(
      `<rect class="${kind}" x="${x(from)}" y="${y + (rowHeight - thickness) / 2}" width="${wide}" height="${thickness}"/>`,
    );
  };
  const label = (text: string, y: number) =>
    out.push(
      `<text x="8" y="${y + 15}">${escapeText(text.length > 26 ? `${text.slice(0, 25)}…` : text)}</text>`,
    );
  label(firstPass ? `${firstPass.tasks} tasks, first pass` : 'all tasks', top);
  const passed = Math.min(firstPass?.seconds ?? 0, span);
  if (passed > 0) bar('wait', 0, passed, top, 12);
  bar('done', passed, span, top, 4);
  for (const [i, task] of rows.entries()) {
    const y = top + rowHeight * (i + 1);
    const until = task.switched ?? task.ended ?? span;
    label(`${task.name}:${task.tid}`, y);
    out.push(
      `<g><title>${escapeText([`${task.name}:${task.tid}`, switchWords(task), ...reasonWords(task)].join('; '))}</title>`,
    );
    bar(task.switched === undefined && task.ended === undefined ? 'never' : 'wait', 0, until, y, 12);
    if (task.switched !== undefined && until < span) bar('done', until, span, y, 4);
    for (const { at } of task.reasons)
      out.push(`<circle class="mark" cx="${x(at)}" cy="${y + rowHeight / 2}" r="2"/>`);
    out.push('</g>');
  }
  if (more > 0) label(`and ${more} more`, top + rowHeight * (rows.length + 1));
  out.push(
    `<text class="small" x="8" y="${height - 6}">thick: in the old state · thin: switched · dot: the kernel tried and could not</text>`,
    '</svg>',
  );
  return `${out.join('\n')}\n`;
}
