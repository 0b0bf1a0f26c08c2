export { type Certificate, readCertificate } from './openssl.ts';
export { type SignedBytes, type SigningKey, signDetached, signModule } from './sign.ts';
export { type Verification, verifyDetached, verifyModule } from './verify.ts';
