// SPDX-License-Identifier: GPL-2.0-only
// How states are named and toned. A tone is a colour with a shape of its own, so that no state is told by colour alone.

export type Tone = 'idle' | 'busy' | 'good' | 'warn' | 'bad' | 'back';

interface Look {
  label: string;
  tone: Tone;
}

const LANDING: Record<string, Look> = {
  queued: { label: 'Queued', tone: 'idle' },
  preparing: { label: 'Preparing', tone: 'busy' },
  testing: { label: 'Testing', tone: 'busy' },
  confirming: { label: 'Confirming a failure', tone: 'warn' },
  infra_hold: { label: 'Retrying after trouble', tone: 'warn' },
  passed: { label: 'Passed', tone: 'good' },
  deploying: { label: 'Deploying', tone: 'busy' },
  settling: { label: 'On the whole fleet, watched', tone: 'good' },
  rolling_back: { label: 'Rolling back', tone: 'back' },
  reverting: { label: 'Reverting', tone: 'back' },
  halted: { label: 'Waits for a person', tone: 'bad' },
  live: { label: 'Live', tone: 'good' },
  reverted: { label: 'Reverted', tone: 'back' },
  bypassed: { label: 'Bypassed', tone: 'idle' },
};

const ROLLOUT: Record<string, Look> = {
  staging: { label: 'Copying to all hosts', tone: 'busy' },
  switching: { label: 'Switching hosts', tone: 'busy' },
  watching: { label: 'Watching metrics', tone: 'busy' },
  rolling_back: { label: 'Rolling back', tone: 'back' },
  done: { label: 'Live on the whole fleet', tone: 'good' },
  rolled_back: { label: 'Rolled back', tone: 'back' },
  failed: { label: 'Failed', tone: 'bad' },
};

const VERDICT: Record<string, Look> = {
  regression: { label: 'Regression', tone: 'bad' },
  ok: { label: 'No harm found', tone: 'good' },
  undecided: { label: 'No sign of harm so far', tone: 'busy' },
  no_data: { label: 'Metric missing', tone: 'warn' },
  provider_error: { label: 'Metrics do not answer', tone: 'warn' },
  insufficient_traffic: { label: 'Too little traffic to tell', tone: 'warn' },
};

const EFFECT: Record<string, Look> = {
  pending: { label: 'Waits', tone: 'idle' },
  started: { label: 'Under way', tone: 'busy' },
  done: { label: 'Done', tone: 'good' },
  dropped: { label: 'Dropped', tone: 'idle' },
};

/** A state that we do not know is shown by its own name, quietly. */
function lookUp(table: Record<string, Look>, state: string): Look {
  return Object.hasOwn(table, state) ? (table[state] as Look) : { label: state.replace(/_/g, ' '), tone: 'idle' };
}

export const landingLook = (state: string): Look => lookUp(LANDING, state);
export const rolloutLook = (state: string): Look => lookUp(ROLLOUT, state);
export const effectLook = (state: string): Look => lookUp(EFFECT, state);
export const verdictLook = (kind: string): Look => lookUp(VERDICT, kind);

const HARMLESS = new Set(['passed', 'skipped', 'xfailed']);

export function outcomeTone(outcome: string | null): Tone {
  if (outcome === null) return 'idle';
  if (outcome === 'blocked') return 'warn';
  return HARMLESS.has(outcome) ? 'good' : 'bad';
}
