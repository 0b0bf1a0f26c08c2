import { resolve } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { openStore, storeAddress } from './open.ts';

describe('storeAddress', () => {
  it('takes a folder, and a bucket with or without a prefix', () => {
    expect(storeAddress('store')).toBe(resolve('store'));
    expect(storeAddress('s3://fleet')).toBe('s3://fleet');
    expect(storeAddress('s3://fleet/a/b.c/')).toBe('s3://fleet/a/b.c');
  });

  it.each([
    'https://s3cret:s3cret@s3.example/bucket',
    's3://s3cret:s3cret@fleet/a',
    's3://',
    's3://Fleet',
    's3://fleet/../a',
    's3://fleet/a b',
    's3://fleet/a?x=s3cret',
  ])('refuses %s, and quotes nothing of it', (text) => {
    expect(() => storeAddress(text)).toThrow(UsageError);
    try {
      storeAddress(text);
    } catch (error) {
      expect((error as UsageError).message).not.toContain('s3cret');
      expect((error as UsageError).next).toContain('s3://BUCKET/PREFIX');
    }
  });
});

describe('openStore', () => {
  it('reads how long it waits', () => {
    process.env.KLPKIT_STORE_PATIENCE = 'long';
    expect(() => openStore('/nowhere')).toThrow('KLPKIT_STORE_PATIENCE is "long", no number of seconds');
    delete process.env.KLPKIT_STORE_PATIENCE;
    expect(() => openStore('/nowhere')).not.toThrow();
  });
});
