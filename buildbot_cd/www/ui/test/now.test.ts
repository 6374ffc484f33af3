// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { bannerOf, budgetOf, decidingRun, laneOf, ordered } from '../src/model/now';
import { gate, landing, NOW, rollout, run } from './values';

const slot = (id: number, state: string) => ({ landing: id, since: NOW - 60, engineer: 'ada@shop.example', subject: '', state });

describe('the banner', () => {
  it('says that a push is tested at once', () => expect(bannerOf(gate(), [])).toMatchObject({ tone: 'good', title: 'Open and free', answer: 'Safe to push' }));
  it('names who is inside', () => {
    const busy = gate({ slots: { test: slot(8, 'testing'), deploy: slot(7, 'deploying') }, queued: 1, obstacle: 'the test slot is taken by #8' });
    expect(bannerOf(busy, [])).toMatchObject({ title: 'Open, testing #8, deploying #7', answer: 'Safe to push', detail: '1 landing waits in the queue. The test slot is taken by #8.' });
  });
  it.each([['closed', 'Frozen by ada', 'warn'], ['drain', 'Draining by ada', 'warn'], ['halted', 'Halted by ada', 'bad']] as const)('tells %s with who and why', (mode, title, tone) =>
    expect(bannerOf(gate({ mode, by: 'ada@shop.example', why: 'the database moves', safe: false }), [])).toMatchObject({ title, tone, detail: 'The database moves.' }));
  it('names the rules where no person froze the gate', () => expect(bannerOf(gate({ mode: 'halted', by: 'gate', why: 'x' }), []).title).toBe('Halted by the rules'));
  it('tells what is being taken back, and why, before anything else', () => {
    const bad = landing(7, 'reverting', { reason: 'test_cart failed twice' });
    expect(bannerOf(gate({ reverting: [7], safe: false, slots: { test: slot(7, 'reverting'), deploy: null } }), [bad])).toMatchObject({
      tone: 'back', title: 'Taking back #7: change 7', detail: 'Test_cart failed twice.', answer: 'Better wait',
    });
  });
  it('tells of a landing that waits for a person', () => expect(bannerOf(gate({ safe: false }), [landing(9, 'halted')]).tone).toBe('bad'));
  it('does not call a gate safe that says it is not', () => expect(bannerOf(gate({ safe: false, obstacle: 'it is starting', queued: 1 }), []).answer).toBe('You can push; it waits'));
});

describe('the lane', () => {
  it('puts each landing at its place', () => {
    const all = [landing(7, 'deploying'), landing(8, 'testing'), landing(9, 'queued'), landing(10, 'queued')];
    const busy = gate({ slots: { test: slot(8, 'testing'), deploy: slot(7, 'deploying') }, queue: [10, 9], queued: 2 });
    const lane = laneOf(busy, all, rollout({ landing: 7, stage: 'canary' }), landing(6, 'live'));
    expect(lane.map((one) => [one.name, one.landings.map((l) => l.id)])).toEqual([['Queue', [10, 9]], ['Test', [8]], ['Copy', []], ['Canary', [7]], ['Fleet', []], ['Live', [6]]]);
  });
  it('shows a landing in the deploy slot even if its rollout is not known yet', () => {
    const lane = laneOf(gate({ slots: { test: null, deploy: slot(7, 'deploying') } }), [landing(7, 'deploying')], rollout({ landing: 6, open: false, state: 'done' }), null);
    expect(lane.find((one) => one.name === 'Copy')?.landings).toHaveLength(1);
  });
  it('draws five of a long queue and counts the rest', () => {
    const all = Array.from({ length: 9 }, (_, i) => landing(i + 1, 'queued'));
    const [queue] = laneOf(gate({ queue: all.map((one) => one.id), queued: 9 }), all, null, null);
    expect([queue?.landings.length, queue?.more]).toEqual([5, 4]);
  });
  it('leaves out of the queue what has not been read yet', () => expect(ordered(gate({ queue: [3, 4] }), [landing(4, 'queued')]).map((one) => one.id)).toEqual([4]));
});

describe('the budget', () => {
  const testing = gate({ slots: { test: slot(8, 'testing'), deploy: null } });
  it('is a share of the time', () => expect(budgetOf(testing, run(1, { planned_at: NOW - 180, ended_at: null }), NOW)).toEqual({ share: 0.25, over: false, label: '3 min of 12 min' }));
  it('says by how much it is over', () => expect(budgetOf(testing, run(1, { planned_at: NOW - 780, ended_at: null }), NOW)).toMatchObject({ share: 1, over: true, label: '1 min over the budget of 12 min' }));
  it('is not there without a test', () => expect(budgetOf(gate(), null, NOW)).toBeNull());
  it('goes by the newest run that decides', () => expect(decidingRun([run(1), run(3, { kind: 'retry' }), run(2)])?.id).toBe(2));
});
