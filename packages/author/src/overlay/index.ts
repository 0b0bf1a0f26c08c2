export { derivedFindings } from './derived.ts';
export { foldersOnTheWay, type Missed, missedIn } from './evidence.ts';
export { makeOverlay, makeReal, type Overlay, type OverlayFile } from './overlay.ts';
