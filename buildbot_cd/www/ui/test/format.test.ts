// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { ago, change, duration, figure, inRange, person, rough } from '../src/model/format';
import { parseJson } from '../src/api/json';
import { csv } from '../src/model/csv';

describe('durations', () => {
  it.each([
    [0, '0 s'], [59.4, '59 s'], [59.6, '1 min'], [60, '1 min'], [250, '4 min 10 s'], [3599.6, '1 h 00 min'], [7500, '2 h 05 min'], [86399, '1 d 0 h'],
    [273600, '3 d 4 h'], [-3, '0 s'],
  ])('tells %s seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));
  it('tells what is not known by a dash', () => expect([duration(null), duration(NaN)]).toEqual(['–', '–']));
  it('keeps one unit when it is rough', () => expect([rough(89), rough(5400), rough(200000)]).toEqual(['1 min', '2 h', '2 d']));
  it('never speaks of the future as of the past', () => expect(ago(100, 90)).toBe('just now'));
});

describe('ranges', () => {
  it('counts from now', () => expect(inRange([1200, 1500], 1000)).toBe('in 3 to 9 min'));
  it('is in seconds when it is near', () => expect(inRange([990, 1060], 1000)).toBe('in 0 to 60 s'));
  it('says so when there is none, and when it is over', () => expect([inRange(null, 0), inRange([1, 2], 100)]).toEqual(['no estimate', 'any moment']));
});

describe('figures', () => {
  it.each([[0.00212, '0.00212'], [123456, '123,456'], [0, '0'], [null, '–'], [0.00000123, '1.2e-6']])('%s is %s', (value, text) => expect(figure(value)).toBe(text));
  it.each([[1.38, '+38 %'], [0.96, '−4 %'], [1.001, '±0 %'], [6.24, '×6.2'], [null, '–']])('ratio %s is %s', (value, text) => expect(change(value)).toBe(text));
});

describe('people', () => {
  it.each([['ada@shop.example', 'ada'], ['Ada L <ada@shop.example>', 'ada'], ['', 'unknown'], ['@odd', '@odd']])('%s is called %s', (address, name) =>
    expect(person(address)).toBe(name));
});

describe('texts from outside', () => {
  it('cannot turn the text around them', () => expect(parseJson('{"a": ["x\\u202ey", 1, "\u2066"]}')).toEqual({ a: ['x\ufffdy', 1, '\ufffd'] }));
});

describe('CSV', () => {
  it('quotes what needs quotes', () => expect(csv(['a', 'b'], [['x,"y"\n', null]])).toBe('a,b\r\n"x,""y""\n",\r\n'));
  it('does not let a subject become a formula', () => expect(csv(['s'], [['=HYPERLINK("http://evil")'], ['-1+1'], [-1]])).toBe(`s\r\n"'=HYPERLINK(""http://evil"")"\r\n'-1+1\r\n-1\r\n`));
});
