// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { headlineOf, metricsOf, stepsOf, timeLeft } from '../src/model/rollout';
import { NOW, rollout, sample } from './values';

const verdict = { id: 1, rollout: 4, stage: 'canary', at: NOW, kind: 'regression', reason: 'errors +38 %', culprits: ['errors'], log_e: 9, needed: 8, metrics: [] };

describe('the headline', () => {
  it('names what was proved', () => expect(headlineOf(rollout({ state: 'rolled_back', open: false }), [verdict])).toEqual({ tone: 'back', title: 'Rolled back: errors', detail: 'errors +38 %' }));
  it('gives a person’s reason where no metric is to blame', () => expect(headlineOf(rollout({ state: 'rolling_back', reason: 'rolled back by ada' }), []).detail).toBe('rolled back by ada'));
  it('shows the verdict so far while it is watched', () => expect(headlineOf(rollout({ verdict: { stage: 'canary', at: 1, kind: 'undecided', reason: 'x' } }), []).title).toBe('No sign of harm so far'));
  it('says what took it back after it was live', () => {
    const [done, later] = [rollout({ state: 'done', open: false }), rollout({ id: 9, state: 'rolled_back', open: false })];
    expect(headlineOf(done, [], later)).toEqual({ tone: 'back', title: 'Rolled back by rollout 9', detail: 'It was live on 800 hosts; this page shows how it ended.' });
    expect(headlineOf(done, [], done).title).toBe('Live on 800 hosts');
  });
  it('shows a kind that it does not know by its name', () => expect(headlineOf(rollout({ verdict: { stage: '', at: 1, kind: 'new_kind', reason: '' } }), []).title).toBe('new kind'));
});

describe('the steps', () => {
  const states = (...args: Parameters<typeof rollout>) => stepsOf(rollout(...args)).map((one) => one.state);
  it('go from copying to the last stage', () => {
    expect(states({ state: 'staging', stage: '' })).toEqual(['now', 'next', 'next']);
    expect(states({ stage: 'canary' })).toEqual(['done', 'now', 'next']);
    expect(states({ state: 'done', open: false, stage: 'fleet' })).toEqual(['done', 'done', 'done']);
  });
  it('tell which stages a rolled back release never reached', () => expect(states({ state: 'rolled_back', open: false, stage: 'canary' })).toEqual(['done', 'back', 'never']));
});

describe('the time left', () => {
  it('counts from the first look of the stage', () => expect(timeLeft(rollout(), [sample(1, { at: NOW - 30 })], NOW)).toBe(90));
  it('is not told while nothing is watched', () => expect([timeLeft(rollout({ state: 'switching' }), [sample(1)], NOW), timeLeft(rollout(), [], NOW)]).toEqual([null, null]));
});

describe('the metrics', () => {
  it('show a look that saw nothing, and one that is missing, as gaps', () => {
    const [view] = metricsOf([sample(1), sample(2, { gap: 'no answer', metrics: [] }), sample(4)], 'canary');
    expect(view?.canary).toEqual([0.02, null, null, 0.02]);
    expect([view?.gaps, view?.looks, view?.readings]).toEqual([2, 3, 200]);
  });
  it('sort looks that came out of order', () => expect(metricsOf([sample(2, {}, 2), sample(1)], 'canary')[0]?.ratio).toEqual([1, 2]));
  it('shade what cannot be seen, on the side of harm', () => {
    const [view] = metricsOf([sample(1)], 'canary');
    expect([view?.blindLow, view?.blindHigh]).toEqual([[1], [1.3]]);
  });
  it('tell evidence as a share of a proof', () => expect(metricsOf([sample(1)], 'canary')[0]?.evidence).toBe(0.25));
  it('take evidence beyond all numbers for a proof', () => {
    const look = sample(1);
    look.metrics[0]!.log_e = null;
    expect(metricsOf([look], 'canary')[0]).toMatchObject({ evidence: 1, tone: 'bad' });
  });
  it('mark the culprit', () => expect(metricsOf([sample(1)], 'canary', ['errors'])[0]?.tone).toBe('bad'));
  it('are those of the stage alone', () => expect(metricsOf([sample(1)], 'fleet')).toEqual([]));
});
