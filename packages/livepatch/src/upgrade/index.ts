export { upgradedCallbacks, upgradedFunctions, upgradedStates } from './facts.ts';
export type {
  Change,
  ShadowUse,
  Upgrade,
  UpgradedCallback,
  UpgradedFunction,
  UpgradedObject,
  UpgradedShadow,
  UpgradedState,
  UpgradeSide,
  WaitingFunction,
} from './types.ts';
export { compareUpgrade, idText } from './upgrade.ts';
