// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { boundSays, evidenceOf, legsOf, scheduleOf } from '../src/model/landing';
import { recentOf } from '../src/model/recent';
import { landing, NOW, run, test, transition } from './values';

describe('the way', () => {
  const way = [transition(1, 'queued', NOW - 100, 60), transition(2, 'testing', NOW - 40, null)];
  it('counts the state it is in up to now', () => expect(legsOf(way, true, NOW).map((leg) => [leg.seconds, leg.current])).toEqual([[60, false], [40, true]]));
  it('gives no time to the state it ended in', () => expect(legsOf([...way.slice(0, 1), transition(2, 'live', NOW, null)], false, NOW + 9).at(-1)).toMatchObject({ seconds: 0, share: 0 }));
  it('fills the bar, and keeps the shortest leg visible', () => {
    const legs = legsOf([transition(1, 'queued', 0, 0.01), transition(2, 'testing', 0, 5000)], false, NOW);
    expect(legs.reduce((sum, leg) => sum + leg.share, 0)).toBeCloseTo(1);
    expect(legs[0]?.share).toBeGreaterThan(0.01);
  });
  it('names a person where one ordered it, and not the gate', () => expect(legsOf([transition(1, 'queued', 0, 1, { actor: 'ada@x' }), transition(2, 'live', 1, null)], false, 2).map((leg) => leg.actor)).toEqual(['ada', '']));
});

describe('the evidence', () => {
  it('is not there for a landing that went well', () => expect(evidenceOf(landing(1, 'live'))).toBeNull());
  it('tells how to see the failure and how to land again', () => {
    const found = evidenceOf(landing(1, 'reverted', { revert_kind: 'test', failing: ['test_cart'], revert: 'c'.repeat(40), candidate: 'd'.repeat(40) }));
    expect(found?.next).toEqual(['To see it fail: check out dddddddddd and run test_cart', 'To land it again: git revert cccccccccc, mend it, push.']);
  });
  it('names the cause of what was taken along', () => expect(evidenceOf(landing(1, 'reverted', { revert_kind: 'dependent', cause: 9, revert: 'c'.repeat(40) }))?.next[0]).toContain('#9'));
});

describe('the schedule', () => {
  it('has a row for each worker, in the order of their numbers', () => {
    const found = scheduleOf(run(1), [test('a', { done_at: NOW - 80 }), test('b', { worker: 'w10', done_at: NOW, seconds: 20, outcome: 'failed' })]);
    expect(found?.lanes.map((lane) => [lane.worker, lane.busy, lane.blocks[0]?.tone])).toEqual([['w2', 5, 'good'], ['w10', 20, 'bad']]);
    expect([found?.start, found?.end, found?.bound]).toEqual([NOW - 90, NOW, NOW - 30]);
  });
  it('is not drawn before a test is done', () => expect(scheduleOf(run(1), [test('a', { done_at: null })])).toBeNull());
  it('says how far from the bound, and what decides', () => expect(boundSays(run(1))).toBe('50 % above the bound; the sum of the work decides: more workers would help'));
});

describe('recent runs', () => {
  it('count how often a tag was forgotten', () => {
    const missing = { missing_tags: [{ tag: 'payments', because: 'rule', tests: 3 }] };
    const recent = recentOf([{ landing: landing(1, 'live'), runs: [run(1, missing)] }, { landing: landing(2, 'live'), runs: [run(2, missing)] }]);
    expect(recent.forgotten).toEqual([{ tag: 'payments', because: 'rule', landings: [2, 1] }]);
  });
});
