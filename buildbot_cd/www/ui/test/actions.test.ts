// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { barrier, gateActions, landingActions, rolloutActions } from '../src/model/actions';
import { gate, landing, rollout } from './values';

describe('actions', () => {
  it('of an open gate expect that it is open', () => expect(gateActions(gate()).map((one) => [one.method, one.expect])).toEqual([['freeze', 'open'], ['drain', 'open'], ['halt', 'open']]));
  it('of a shut gate are to resume, and nothing else', () => expect(gateActions(gate({ mode: 'closed' })).map((one) => [one.method, one.expect])).toEqual([['resume', 'closed']]));
  it('of a landing are those that the rules allow, with the version that was seen', () =>
    expect(landingActions(landing(7, 'queued', { can: ['withdraw', 'hold', 'constructor'], version: 5 })).map((one) => [one.path, one.method, one.expect])).toEqual([
      ['cd/landings/7', 'withdraw', 5], ['cd/landings/7', 'hold', 5],
    ]));
  it('to roll back name from, to and how many hosts, and ask for a reason', () => {
    const [action] = rolloutActions(rollout({ marks: { old: 765, new: 30, failed: 5 } }), ['r6']);
    expect(action).toMatchObject({ reason: 'required', expect: 'watching', facts: [['From', 'r7'], ['To', 'r6'], ['Hosts', '35 of 800 hosts have switched or were told to']] });
  });
  it('are not offered where the rules refuse them', () => expect(rolloutActions(rollout({ can: [] }), [])).toEqual([]));
  it('say that a halted gate may stay frozen when it is resumed', () => {
    const beneath = { mode: 'closed', by: 'ada', why: 'the database moves', until: null, min_priority: 0 } as const;
    expect(gateActions(gate({ mode: 'halted', beneath }))[0]).toMatchObject({ confirm: 'End the halt', explain: expect.stringContaining('stays closed: the database moves') });
  });
  it('put a name into an address safely', () => expect(gateActions(gate({ name: 'a/b c' }))[0]?.path).toBe('cd/gates/a%2Fb%20c'));
});

describe('who may act', () => {
  it('has to sign in where one can', () => expect(barrier({ user: { anonymous: true }, auth: { name: 'GitHub' } })).toBe('Sign in to act.'));
  it('is left to the master where nobody can sign in, and for who is signed in', () =>
    expect([barrier({ user: { anonymous: true }, auth: { name: 'NoAuth' } }), barrier({ user: { username: 'ada' }, auth: { name: 'GitHub' } })]).toEqual([null, null]));
});
