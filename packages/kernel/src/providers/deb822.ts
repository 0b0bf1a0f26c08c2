/** One package's record of a Debian index: field name as written → value; continuation lines are joined with newlines. */
export type ControlRecord = ReadonlyMap<string, string>;

/** Reads records that are separated by empty lines, as `apt-cache show` prints them. */
export function parseControl(text: string): ControlRecord[] {
  const records: Map<string, string>[] = [];
  let record: Map<string, string> | undefined;
  let field = '';
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      record = undefined;
      continue;
    }
    if (/^[ \t]/.test(line)) {
      if (record && field) record.set(field, `${record.get(field)}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    if (!record) {
      record = new Map();
      records.push(record);
    }
    field = line.slice(0, colon);
    record.set(field, line.slice(colon + 1).trim());
  }
  return records;
}

const isDigit = (code: number) => code >= 48 && code <= 57;

/** Rank of a character in the non-digit part of a version: `~` before the end, the end before letters, letters before the rest. */
function rank(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (Number.isNaN(code) || isDigit(code)) return 0;
  if (code === 126) return -1;
  return /[A-Za-z]/.test(text.charAt(at)) ? code : code + 256;
}

function compareParts(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const difference = rank(a, i) - rank(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const [m] = /^\d*/.exec(a.slice(i)) as RegExpExecArray;
    const [n] = /^\d*/.exec(b.slice(j)) as RegExpExecArray;
    const difference = Number(m) - Number(n);
    if (difference !== 0) return difference;
    i += m.length;
    j += n.length;
  }
  return 0;
}

/** Orders Debian versions as dpkg does (Debian Policy 5.6.12): negative if `a` is older. */
export function compareDebianVersions(a: string, b: string): number {
  const split = (version: string) => {
    const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(version) ?? [];
    const dash = rest.lastIndexOf('-');
    return dash < 0
      ? ([epoch, rest, '0'] as const)
      : ([epoch, rest.slice(0, dash), rest.slice(dash + 1)] as const);
  };
  const [x, y] = [split(a), split(b)];
  return Number(x[0]) - Number(y[0]) || compareParts(x[1], y[1]) || compareParts(x[2], y[2]);
}

/** Name of the first package in a dependency field that `pattern` fits. */
export function dependencyNamed(field: string | undefined, pattern: RegExp): string | undefined {
  return field
    ?.split(/[,|]/)
    .map((item) => item.trim().split(/[\s(:]/)[0] ?? '')
    .find((name) => pattern.test(name));
}
