// SPDX-License-Identifier: GPL-2.0-only
// What a person may order: each action has one meaning, says it before it is confirmed, and carries what was seen.
import type { Gate, Landing, Rollout } from '../api/types';
import { count, person, short } from './format';

export interface Action {
  path: string;
  method: string;
  label: string;
  /** What the button in the dialog says. */
  confirm: string;
  explain: string;
  reason: 'required' | 'optional' | 'none';
  until: boolean;
  /** Whether one may say from which priority on landings pass. */
  passing: boolean;
  danger: boolean;
  expect: string | number;
  facts: [string, string][];
}

const PLAIN = { reason: 'required', until: false, passing: false, danger: false, facts: [] as [string, string][] } as const;

export function gateActions(gate: Gate): Action[] {
  const at = { ...PLAIN, path: `cd/gates/${encodeURIComponent(gate.name)}`, expect: gate.mode };
  if (gate.mode !== 'open') {
    const then = gate.beneath === null ? 'Opens the gate again.' : `Ends the halt; the gate stays ${gate.beneath.mode}: ${gate.beneath.why}.`;
    const explain = `${then} ${count(gate.queued, 'landing')} in the queue; halted landings go on where they stood.`;
    const facts: [string, string][] = [['Mode', `${gate.mode}, ${gate.by || 'the rules'}: ${gate.why}`]];
    return [{ ...at, method: 'resume', label: 'Resume', confirm: gate.beneath === null ? 'Open the gate' : 'End the halt', reason: 'optional', explain, facts }];
  }
  return [
    {
      ...at,
      method: 'freeze',
      label: 'Freeze',
      confirm: 'Freeze the gate',
      until: true,
      passing: true,
      explain: 'Nobody is admitted and nothing enters deployment. What is on its way to the hosts is finished and watched.',
    },
    {
      ...at,
      method: 'drain',
      label: 'Drain',
      confirm: 'Drain the gate',
      until: true,
      explain: 'Those inside finish, on to live. Nobody is admitted.',
    },
    {
      ...at,
      method: 'halt',
      label: 'Halt',
      confirm: 'Halt the gate',
      danger: true,
      explain: 'As a freeze, and it never ends by itself: somebody has to resume.',
    },
  ];
}

export function landingActions(landing: Landing, rollout: Rollout | null = null, live: string | null = null): Action[] {
  const at = { ...PLAIN, path: `cd/landings/${landing.id}`, expect: landing.version };
  const known: Record<string, Action> = {
    hold: { ...at, method: 'hold', label: 'Hold', confirm: 'Hold it', explain: 'It stays where it is until somebody releases it.' },
    release: { ...at, method: 'release', label: 'Release', confirm: 'Let it go on', reason: 'none', explain: 'It goes on from where it was held.' },
    emergency: {
      ...at,
      method: 'emergency',
      label: 'Emergency',
      confirm: 'Put it into the fast lane',
      explain: 'It goes next, and past windows in which nothing is deployed. It skips no test and no canary; those who are overtaken are shown the reason.',
      facts: [['Landing', `#${landing.id}, ${landing.subject}`]],
    },
    withdraw: {
      ...at,
      method: 'withdraw',
      label: 'Withdraw',
      confirm: 'Withdraw it',
      reason: 'none',
      danger: true,
      explain: 'Takes the landing back before it is deployed: a commit on trunk reverts it. It can be pushed again later.',
      facts: [['Landing', `#${landing.id}, ${landing.subject}`], ['Of', person(landing.engineer)]],
    },
    roll_back: {
      ...at,
      method: 'roll_back',
      label: 'Roll back',
      confirm: 'Roll back now',
      danger: true,
      explain: 'Every host goes back to the release it carried before, then a commit on trunk reverts the landing.',
      facts: rollbackFacts(landing, rollout, live),
    },
  };
  return landing.can.flatMap((method) => (Object.hasOwn(known, method) ? [known[method] as Action] : []));
}

function rollbackFacts(landing: Landing, rollout: Rollout | null, live: string | null): [string, string][] {
  const from = rollout?.release ?? short(landing.candidate);
  const facts: [string, string][] = [['Landing', `#${landing.id}, ${landing.subject}`], ['From', from], ['To', live === null ? 'each host’s release before' : short(live)]];
  if (rollout !== null && rollout.marks !== null) facts.push(['Hosts', touched(rollout.marks, rollout.size)]);
  return facts;
}

/** How many hosts have been told to switch: they are the ones that go back. */
export function touched(marks: Record<string, number>, size: number): string {
  const still = marks.old ?? 0;
  return `${(size - still).toLocaleString('en')} of ${count(size, 'host')} have switched or were told to`;
}

export function rolloutActions(rollout: Rollout, to: string[]): Action[] {
  const found: Action[] = [
    {
      ...PLAIN,
      path: `cd/rollouts/${rollout.id}`,
      method: 'promote',
      label: 'Promote',
      confirm: 'End the watch',
      expect: rollout.version,
      explain: 'Ends the watch of this stage at its next look, unless that finds a regression. The next stage begins; what would have shown later is seen there, or not at all.',
      facts: [['Release', rollout.release], ['Stage', rollout.stage], ['Hosts', count(rollout.size, 'host')]],
    },
    {
      ...PLAIN,
      path: `cd/rollouts/${rollout.id}`,
      method: 'roll_back',
      label: 'Roll back',
      confirm: 'Roll back now',
      danger: true,
      expect: rollout.state,
      explain: 'Every host goes back to the release it carried before, then a commit on trunk reverts the landing.',
      facts: [
        ['From', rollout.release],
        ['To', to.length === 0 ? 'each host’s release before' : to.join(', ')],
        ['Hosts', rollout.marks === null ? count(rollout.size, 'host') : touched(rollout.marks, rollout.size)],
      ],
    },
  ];
  return found.filter((action) => rollout.can.includes(action.method));
}

/** Why a person may not act at all, or null. What the rules refuse is not offered; what the master refuses, it says. */
export function barrier(config: Window['buildbotFrontendConfig']): string | null {
  // Buildbot names who is signed in and marks only who is not.
  const anonymous = config?.user === undefined || config.user.anonymous === true;
  const canSignIn = config?.auth?.name !== undefined && config.auth.name !== 'NoAuth';
  return anonymous && canSignIn ? 'Sign in to act.' : null;
}
