/** The values of a YAML text, for tests that hold them against a schema. */
export { parse } from 'yaml';
