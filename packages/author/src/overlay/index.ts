export { makeOverlay, type Overlay, type OverlayFile } from './overlay.ts';
