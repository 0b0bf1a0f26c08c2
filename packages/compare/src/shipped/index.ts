export { imageText, sectionAt, shippedImage } from './image.ts';
export { shippedModule } from './module.ts';
export { nextAddress, type Sites, sitesOfImage, sitesOfModule } from './sites.ts';
export type { ShippedObject, ShippedSymbol, SymbolizedImage } from './types.ts';
