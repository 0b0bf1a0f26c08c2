export { FolderStore } from './folder.ts';
export { openStore, storeAddress } from './open.ts';
export { type Store, StoreError } from './types.ts';
