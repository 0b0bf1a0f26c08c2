import { toJsonSchema } from '@valibot/to-json-schema';
import { type Report, reportSchema } from './schema.ts';

/** The report as JSON with a newline at its end: the same bytes for the same report. */
export function reportJson(report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** The JSON Schema of what {@link reportJson} writes. */
export function reportJsonSchema(): object {
  return toJsonSchema(reportSchema);
}
