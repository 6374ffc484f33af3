// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { Capacity, Escape, Learnt } from '../src/api/types';
import { capacitySays, nameOf, rulesOf, sharesOf, suitePath, tilesOf, viewOf } from '../src/model/suite';

const learnt = (more: Partial<Learnt> = {}): Learnt => ({ gate: 'trunk', days: 30, runs: 12, tests: 200, flaky: 3, never: 50, mapped: 9, oldest: 0, median: 86_400 * 8, failures: 4, curve: [], now: 86_400 * 10, ...more });
const capacity = (more: Partial<Capacity> = {}): Capacity => ({ gate: 'trunk', budget: 720, runs: 20, workers: 6, today: 4, most: 200, overhead: 0.3, tried: [], split: [], now: 0, ...more });
const escape = (id: number, rule: string): Escape => ({ id, gate: 'trunk', test: `t${id}`, run: 1, found_at: 0, state: 'found', open: false, culprit: id, probability: 1, missing_tag: 'cart', rule, patch: '+', reason: '' });

describe('what is asked for', () => {
  it('is in the order of the view, and every word must be in the name', () => expect(suitePath('a b', viewOf('stalest'), ' cart  to/al ', 25)).toBe('cd/gates/a%20b/suite?order=passed_at&limit=25&nid__contains=cart&nid__contains=to%2Fal'));
  it('is the slowest where the address says nothing that there is', () => expect([viewOf(null).key, viewOf('constructor').key]).toEqual(['slowest', 'slowest']));
});

describe('a name', () => {
  it('is told in two parts, without the runner', () => expect(nameOf('pytest:t/a.py::C::x[1:2::3]')).toEqual({ place: 't/a.py', name: 'C::x[1:2::3]' }));
  it('without a place is all name', () => expect(nameOf('suite')).toEqual({ place: '', name: 'suite' }));
});

describe('the figures', () => {
  it('tell their counts', () => expect(tilesOf(learnt()).map((one) => [one.value, one.basis, one.more])).toEqual([['200', 'in the newest plan', ''], ['50', 'in 12 runs', '25 % of all'], ['3', 'in 30 days', ''], ['2 d', 'median of 9 tests', 'oldest 10 d']]));
  it('say that nothing is known yet', () => expect(tilesOf(learnt({ tests: 0, never: 0, runs: 0, mapped: 0, median: null, oldest: null })).map((one) => one.basis)).toEqual(['in the newest plan', 'no run has ended yet', 'in 30 days', 'it is empty']));
  it('write out four points of the curve', () => expect(sharesOf(learnt({ curve: [{ seconds: 30, share: 0.1 }, { seconds: 60, share: 0.4 }, { seconds: 480, share: 1 }] })).map((one) => one.share)).toEqual([0.4, null, 1, null]));
});

describe('proposed rules', () => {
  it('are one where escapes propose the same, the most useful first', () => expect(rulesOf([escape(1, 'a'), escape(2, ''), escape(3, 'b'), escape(4, 'b')]).map((one) => [one.rule, one.escapes.length])).toEqual([['b', 2], ['a', 1]]));
});

describe('capacity', () => {
  it('says how many more it takes', () => expect(capacitySays(capacity())).toBe('2 workers more, 6 in all, and 95 of 100 runs end within 12 min.'));
  it('says how many less would do', () => expect(capacitySays(capacity({ today: 7 }))).toBe('6 workers would do: 95 of 100 runs end within 12 min with 1 worker less than today.'));
  it('says when no number is enough', () => expect(capacitySays(capacity({ workers: null }))).toContain('On no number of workers up to 200'));
  it('says when it is right', () => expect(capacitySays(capacity({ today: 6 }))).toBe('With 6 workers 95 of 100 runs end within 12 min, and so many there are.'));
});
