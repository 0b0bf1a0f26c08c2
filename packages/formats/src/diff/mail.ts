/** A line that begins a mail in a mailbox: git's own, public-inbox's, and what mail programs write. */
const fromLine = /^From \S+ +(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\b/;

/** True for the line that separates the mails of a mailbox. */
export function isFromLine(line: string): boolean {
  return fromLine.test(line) || /^From [0-9a-f]{40,64} /.test(line);
}

const headerLine = /^[A-Za-z][A-Za-z0-9-]*:(?: |$)/;
const mailHeader = /^(From|Subject|Date|To|Message-Id|Return-Path|Received|MIME-Version|Delivered-To): /i;

/** The header of a mail that begins at a line. */
export interface MailHeader {
  /** Index of the first line of the body. */
  readonly body: number;
  readonly subject: string;
  /** `quoted-printable`, `base64`, or something that leaves text as it is. */
  readonly encoding: string;
}

/** Reads the header of a mail; `undefined` if there is none at this line. */
export function readMailHeader(lines: readonly string[], begin: number): MailHeader | undefined {
  let at = begin;
  if (isFromLine(lines[at] ?? '')) at++;
  else if (!mailHeader.test(lines[at] ?? '')) return undefined;
  const fields = new Map<string, string>();
  let name = '';
  for (; at < lines.length && lines[at] !== ''; at++) {
    const line = lines[at] as string;
    if (/^[ \t]/.test(line)) {
      if (name) fields.set(name, `${fields.get(name)} ${line.trim()}`);
    } else if (headerLine.test(line) || /^>?From /.test(line)) {
      name = line.slice(0, line.indexOf(':')).toLowerCase();
      if (!fields.has(name)) fields.set(name, line.slice(line.indexOf(':') + 1).trim());
    } else break;
  }
  return {
    body: at,
    subject: decodeWords(fields.get('subject') ?? '').replace(/^(\s*(\[[^\]]*\]|re:|fwd?:))*\s*/i, ''),
    encoding: (fields.get('content-transfer-encoding') ?? '').toLowerCase(),
  };
}

/** Text out of the body of a mail that was encoded for transport. */
export function decodeBody(body: string, encoding: string): string {
  if (encoding === 'quoted-printable') return quotedPrintable(body.replace(/=[ \t]*\n/g, ''));
  if (encoding !== 'base64') return body;
  const plain = body.replace(/[^A-Za-z0-9+/]/g, '');
  // A piece of four characters is three bytes; what is left over at the end is damage.
  return utf8(atob(plain.slice(0, plain.length - (plain.length % 4 === 1 ? 1 : 0)))).replaceAll('\r\n', '\n');
}

function quotedPrintable(text: string): string {
  return text.replace(/(?:=[0-9A-Fa-f]{2})+/g, (run) =>
    utf8(
      String.fromCharCode(
        ...run
          .slice(1)
          .split('=')
          .map((byte) => Number.parseInt(byte, 16)),
      ),
    ),
  );
}

/** The words of a header that are encoded for transport: `=?UTF-8?q?caf=C3=A9?=`. */
function decodeWords(text: string): string {
  return text
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?[\w-]+\?([qb])\?([^?]*)\?=/gi, (_, kind: string, data: string) =>
      kind.toLowerCase() === 'b' ? decodeBody(data, 'base64') : quotedPrintable(data.replaceAll('_', ' ')),
    );
}

/** Text from a string of bytes; bytes that are not UTF-8 are taken for Latin-1. */
export function utf8(bytes: string): string {
  const array = Uint8Array.from(bytes, (char) => char.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(array);
  } catch {
    return bytes;
  }
}
