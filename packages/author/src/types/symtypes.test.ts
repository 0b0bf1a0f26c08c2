import { describe, expect, test } from 'vitest';
import { causesOf, parseSymtypes } from './symtypes.ts';

const before = `t#u32 typedef unsigned int u32 
s#opaque struct opaque { UNKNOWN } 
s#it struct it { t#u32 a ; s#opaque * p ; } 
e#state enum state { A , B , } 
E#NR 4 
other int other ( e#state ) 
get struct it * get ( s#it * , E#NR ) 
`;
const causes = (change: [string, string], symbol = 'get') => {
  expect(before).toContain(change[0]);
  return causesOf(symbol, parseSymtypes(before), parseSymtypes(before.replace(...change)));
};

describe('why the checksum of an export changes', () => {
  test('its own declaration', () => {
    expect(causes(['get struct it * get ( s#it *', 'get struct it * get ( t#u32 , s#it *'])).toEqual([
      { kind: 'prototype', key: 'get' },
    ]);
  });

  test('a type that it reaches, however far', () => {
    expect(causes(['s#it struct it { t#u32 a', 's#it struct it { t#u64 a'])).toEqual([
      { kind: 'type', key: 's#it' },
    ]);
    expect(causes(['typedef unsigned int u32', 'typedef unsigned long u32'])).toEqual([
      { kind: 'type', key: 't#u32' },
    ]);
    expect(causes(['E#NR 4', 'E#NR 5'])).toEqual([{ kind: 'type', key: 'E#NR' }]);
  });

  test('a type that is completed, or no longer is', () => {
    const complete = 'struct opaque { int z ; }';
    expect(causes(['struct opaque { UNKNOWN }', complete])).toEqual([{ kind: 'completed', key: 's#opaque' }]);
    const whole = before.replace('struct opaque { UNKNOWN }', complete);
    expect(causesOf('get', parseSymtypes(whole), parseSymtypes(before))).toEqual([
      { kind: 'hidden', key: 's#opaque' },
    ]);
  });

  test('not a type that it does not reach', () => {
    expect(causes(['{ A , B , }', '{ A , B , C , }'])).toEqual([]);
    expect(causes(['{ A , B , }', '{ A , B , C , }'], 'other')).toEqual([{ kind: 'type', key: 'e#state' }]);
  });
});
