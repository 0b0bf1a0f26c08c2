import { number, plural, printable } from './parts/words.ts';
import type { Report, ReportFinding, ReportFunction, ReportUnit } from './schema.ts';
import { differenceText, hunksText, positionText, sizesText, sizeText } from './words.ts';

/** What a stretch of text is, for a caller that has colours. */
export type TextRole = 'heading' | 'name' | 'good' | 'warning' | 'bad' | 'dim';

/** Options of {@link formatReport}. */
export interface TextOptions {
  /** Columns; 100 unless told. */
  readonly width?: number;
  /** Wraps a stretch in the terminal's colours; must not change its width. Plain text unless told. */
  readonly paint?: (role: TextRole, text: string) => string;
}

/** The report as text for a terminal: no line is wider than `width`, and nothing in it can move the cursor. */
export function formatReport(report: Report, options: TextOptions = {}): string {
  const page = new Page(options.width ?? 100, options.paint ?? ((_, text) => text));
  const { kernel, module } = report;
  page.line(0, [
    ['heading', report.name],
    [undefined, ` for Linux ${kernel.release}`],
  ]);
  page.entry(2, 'kernel', kernel.id, 10);
  page.entry(2, 'compiler', kernel.compiler, 10);
  if (module) {
    const kind = module.replace ? 'atomic replace' : 'stacks on other livepatches (no replace)';
    page.entry(2, 'module', `${module.name}.ko, ${sizeText(module.size)}, ${kind}`, 10);
    page.entry(2, 'sha256', module.sha256, 10);
    for (const object of module.objects) {
      page.entry(2, 'patches', `${object.name}: ${object.functions.map(positionText).join(', ')}`, 10);
      for (const one of object.callbacks ?? [])
        page.entry(2, 'callback', `${one.kind} of ${object.name}: ${one.function}`, 10);
    }
    for (const { id, version } of module.states ?? [])
      page.entry(2, 'state', `${id}, version ${version}`, 10);
  } else page.entry(2, 'module', 'none: the build stopped before it', 10);

  if (report.fixes.length > 0) page.heading('Fixes');
  for (const fix of report.fixes) {
    page.paragraph(2, fix.subject ? `${fix.name}: ${fix.subject}` : fix.name);
    for (const file of fix.files)
      page.paragraph(
        4,
        `${file.path}: ${file.change}${file.hunks.length > 0 ? `, ${hunksText(file.hunks)}` : ''}`,
      );
  }
  writeChanges(page, report);
  page.heading('Findings');
  if (report.findings.length === 0) page.line(2, [['good', 'none']]);
  for (const finding of report.findings) writeFinding(page, finding);
  if (report.tools.length > 0) {
    page.heading('Made with');
    for (const tool of report.tools) page.paragraph(2, `${tool.name} ${tool.version}`);
  }
  return page.text();
}

/** What would be patched, and why: the middle part of {@link formatReport}, for a fix that is judged before anything is made. */
export function formatChanges(report: Report, options: TextOptions = {}): string {
  const page = new Page(options.width ?? 100, options.paint ?? ((_, text) => text));
  writeChanges(page, report);
  return page.text();
}

function writeChanges(page: Page, report: Report): void {
  for (const unit of report.units) writeUnit(page, unit);
  for (const source of report.sources ?? []) {
    page.heading(`${source.file} (${source.object ?? 'tables'})`);
    if (source.unit) page.entry(2, 'unit', source.unit, 10);
    for (const one of source.functions)
      page.entry(2, 'replaces', `${positionText(one)} by ${one.new}: ${sizeText(one.size)}`, 10, 'name');
  }
  if (report.relocations.length > 0) {
    page.heading(`KLP relocations (${report.relocations.length})`);
    for (const entry of report.relocations) {
      const used = entry.usedBy.length > 0 ? `, used by ${entry.usedBy.join(', ')}` : '';
      page.paragraph(2, `${entry.object}: ${positionText(entry)}${used}`);
    }
  }
  if (report.exports.length > 0) {
    page.heading(`Exported symbols used (${report.exports.length})`);
    page.paragraph(2, report.exports.join(', '));
  }
}

function writeUnit(page: Page, unit: ReportUnit): void {
  page.heading(`${unit.source} (${unit.owner})`);
  const { match } = unit;
  if (match.verdicts.length > 0) {
    const verdicts = match.verdicts.map((entry) => `${number(entry.count)} ${entry.verdict}`).join(', ');
    page.entry(2, 'match', `${verdicts}; ${plural(match.checked, 'reference')} checked`, 10);
    for (const aside of match.aside) page.entry(2, 'put aside', `${number(aside.count)} ${aside.what}`, 10);
    for (const entry of match.exceptions)
      page.entry(2, entry.verdict, `${entry.name}${entry.detail ? `: ${entry.detail}` : ''}`, 10);
  }
  page.entry(2, 'same', plural(unit.unchanged, 'function'), 10);
  for (const entry of unit.functions) writeFunction(page, entry);
  for (const entry of unit.data)
    page.entry(
      2,
      `${entry.status}`,
      `${entry.name}: ${plural(entry.size, 'byte')} of data in ${entry.section}`,
      10,
    );
  for (const entry of unit.dropped)
    page.entry(2, 'dropped', `${entry.what}${entry.why ? `: ${entry.why}` : ''}`, 10);
}

function writeFunction(page: Page, entry: ReportFunction): void {
  const size = sizesText(entry.sizes);
  const position = entry.sympos === undefined ? '' : `, sympos ${entry.sympos}`;
  page.entry(2, entry.status, `${entry.name}: ${size}${position}`, 10, 'name');
  for (const reason of entry.why) page.paragraph(12, reason.text);
  if (entry.fixes) page.paragraph(12, `by ${entry.fixes.join(', ')}`);
  const difference = differenceText(entry);
  if (difference) page.paragraph(12, difference, 'dim');
}

function writeFinding(page: Page, finding: ReportFinding): void {
  const { at } = finding;
  const role = finding.severity === 'error' ? 'bad' : finding.severity === 'warning' ? 'warning' : 'dim';
  const lead = `${finding.severity} ${finding.id}${finding.overridden ? ' (overridden)' : ''}`;
  const where = at
    ? [at.unit ?? at.file, at.line, at.symbol].filter((part) => part !== undefined).join(':')
    : '';
  page.line(2, [[role, lead], ...(where ? ([[undefined, ` ${where}`]] as const) : [])]);
  page.paragraph(4, finding.what);
  if (finding.why) page.entry(4, 'why', finding.why, 5);
  if (finding.next) page.entry(4, 'next', finding.next, 5);
}

/** Lines with indents, broken at spaces. */
class Page {
  readonly #width: number;
  readonly #paint: (role: TextRole, text: string) => string;
  readonly #lines: string[] = [];

  constructor(width: number, paint: (role: TextRole, text: string) => string) {
    this.#width = width;
    this.#paint = paint;
  }

  /** One line of stretches; what is too wide goes on in the next. */
  line(indent: number, stretches: readonly (readonly [TextRole | undefined, string])[]): void {
    const plain = printable(stretches.map(([, text]) => text).join(''));
    if (indent + plain.length > this.#width) {
      this.paragraph(indent, plain);
      return;
    }
    this.#push(
      indent,
      stretches.map(([role, text]) => (role ? this.#paint(role, printable(text)) : printable(text))).join(''),
    );
  }

  heading(text: string): void {
    this.#lines.push('');
    for (const line of broken(printable(text), this.#width)) this.#push(0, this.#paint('heading', line));
  }

  paragraph(indent: number, text: string, role?: TextRole): void {
    for (const line of broken(printable(text), this.#width - indent))
      this.#push(indent, role ? this.#paint(role, line) : line);
  }

  /** A label in a column of `column` characters, and text beside it. */
  entry(indent: number, label: string, text: string, column: number, role?: TextRole): void {
    const head = printable(label).padEnd(column - 1);
    const start = indent + column;
    if (head.length > column - 1) {
      this.paragraph(indent, `${head}: ${text}`);
      return;
    }
    broken(printable(text), this.#width - start).forEach((line, index) => {
      if (index === 0)
        this.#push(indent, `${this.#paint('dim', head)} ${role ? this.#paint(role, line) : line}`);
      else this.#push(start, line);
    });
  }

  text(): string {
    return `${this.#lines.map((line) => line.trimEnd()).join('\n')}\n`;
  }

  #push(indent: number, line: string): void {
    this.#lines.push(' '.repeat(indent) + line);
  }
}

/** Breaks at spaces; a word that is wider than the line is cut. */
function broken(text: string, width: number): string[] {
  const room = Math.max(width, 10);
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = '';
    }
    for (; word.length > room; word = word.slice(room)) lines.push(word.slice(0, room));
    line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}
