import { expect, it } from 'vitest';
import { spelledSource } from './spelling.ts';

it('keeps the way up that a makefile takes', () => {
  const object = 'drivers/gpu/drm/amd/amdgpu/../display/dc/core/dc.o';
  expect(spelledSource({ source: 'drivers/gpu/drm/amd/display/dc/core/dc.c', object })).toBe(
    'drivers/gpu/drm/amd/amdgpu/../display/dc/core/dc.c',
  );
});

it('is the source itself for an object beside it, and for one that a rule makes of a source elsewhere', () => {
  expect(spelledSource({ source: 'fs/namei.c', object: 'fs/namei.o' })).toBe('fs/namei.c');
  expect(spelledSource({ source: 'tools/lib/bpf/btf_iter.c', object: 'kernel/bpf/btf_iter.o' })).toBe(
    'tools/lib/bpf/btf_iter.c',
  );
});
