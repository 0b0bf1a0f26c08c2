import { type ObjectModel, readObjectModel } from '@klpkit/compare';

const models = new WeakMap<Uint8Array, ObjectModel>();

/**
 * The model of an object with debug information. Rules and report ask for the same one, and what was read of it once serves both.
 *
 * @throws {FormatError} as {@link readObjectModel} does
 */
export function debugModel(debug: Uint8Array): ObjectModel {
  let model = models.get(debug);
  if (!model) {
    model = readObjectModel(debug);
    models.set(debug, model);
  }
  return model;
}
