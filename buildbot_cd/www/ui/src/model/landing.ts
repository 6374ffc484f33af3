// SPDX-License-Identifier: GPL-2.0-only
// What the page of a landing says: its way with durations, the evidence against it, its tests worker by worker.
import type { Landing, Run, RunTest, Transition } from '../api/types';
import { person, short } from './format';
import { landingLook, outcomeTone, type Tone } from './states';

export interface Leg {
  seq: number;
  state: string;
  label: string;
  tone: Tone;
  at: number;
  seconds: number;
  /** Share of the whole way, with room for the shortest legs to be seen. */
  share: number;
  reason: string;
  actor: string;
  current: boolean;
}

const NARROWEST = 0.015;

/** A terminal state takes no time on the way: the picture ends where the landing ended. */
export function legsOf(transitions: Transition[], open: boolean, now: number): Leg[] {
  const last = transitions.length - 1;
  const raw = transitions.map((one, i) => {
    const running = i === last && open;
    return { one, running, seconds: one.seconds ?? (running ? Math.max(0, now - one.at) : 0) };
  });
  const whole = raw.reduce((sum, leg) => sum + leg.seconds, 0) || 1;
  const shares = raw.map((leg) => (leg.seconds === 0 && !leg.running ? 0 : Math.max(NARROWEST, leg.seconds / whole)));
  const stretched = shares.reduce((sum, share) => sum + share, 0) || 1;
  return raw.map(({ one, running, seconds }, i) => ({
    seq: one.seq,
    state: one.after,
    ...landingLook(one.after),
    at: one.at,
    seconds,
    share: (shares[i] ?? 0) / stretched,
    reason: one.reason,
    actor: one.actor === 'gate' ? '' : person(one.actor),
    current: running,
  }));
}

export interface Evidence {
  title: string;
  items: string[];
  why: string;
  /** What its engineer can do now. */
  next: string[];
}

const KINDS: Record<string, string> = {
  test: 'Taken back: tests failed',
  deploy: 'Taken back from production',
  dependent: 'Taken along with another landing',
  withdraw: 'Withdrawn',
};

/** Why a landing was taken back, or null. It speaks of tests, metrics and changes, never of a person. */
export function evidenceOf(landing: Landing): Evidence | null {
  if (landing.revert_kind === '' && landing.failing.length === 0) return null;
  const kind = landing.revert_kind;
  const title = Object.hasOwn(KINDS, kind) ? (KINDS[kind] as string) : landing.state === 'confirming' ? 'Tests failed; they run again elsewhere' : 'Speaks against it';
  return { title, items: landing.failing, why: landing.reason, next: nextSteps(landing) };
}

function nextSteps(landing: Landing): string[] {
  if (landing.revert === null) return [];
  const again = `git revert ${short(landing.revert)}`;
  if (landing.revert_kind === 'withdraw') return [`To land it again: ${again}, then push.`];
  if (landing.revert_kind === 'dependent') return [`Once #${landing.cause ?? '?'} is mended: ${again}, then push.`];
  const test = landing.failing[0];
  const steps = landing.revert_kind === 'test' && test !== undefined ? [`To see it fail: check out ${short(landing.candidate)} and run ${test}`] : [];
  return [...steps, `To land it again: ${again}, mend it, push.`];
}

export interface Block {
  nid: string;
  from: number;
  to: number;
  tone: Tone;
  outcome: string;
}

export interface Lane {
  worker: string;
  blocks: Block[];
  busy: number;
}

export interface Schedule {
  start: number;
  end: number;
  /** When the best possible schedule with these workers would have ended. */
  bound: number | null;
  lanes: Lane[];
}

/** One row a worker; each test from `done_at - seconds` to `done_at`. Null while no test is done. */
export function scheduleOf(run: Run, tests: RunTest[]): Schedule | null {
  const byWorker = new Map<string, Block[]>(run.workers.map((worker) => [worker, []]));
  let [start, end] = [run.planned_at ?? Infinity, -Infinity];
  for (const test of tests) {
    if (test.done_at === null || test.worker === null) continue;
    const from = test.done_at - (test.seconds ?? 0);
    start = Math.min(start, from);
    end = Math.max(end, test.done_at);
    const block = { nid: test.nid, from, to: test.done_at, tone: outcomeTone(test.outcome), outcome: test.outcome ?? '' };
    const blocks = byWorker.get(test.worker);
    if (blocks === undefined) byWorker.set(test.worker, [block]);
    else blocks.push(block);
  }
  if (end < start) return null;
  const bound = run.lower_bound === null ? null : start + run.lower_bound;
  const order = new Intl.Collator('en', { numeric: true });
  const lanes = [...byWorker]
    .sort(([a], [b]) => order.compare(a, b))
    .map(([worker, blocks]) => ({ worker, blocks, busy: blocks.reduce((sum, one) => sum + one.to - one.from, 0) }));
  return { start, end: Math.max(end, bound ?? end), bound, lanes };
}

const BINDING: Record<string, string> = {
  total: 'the sum of the work decides: more workers would help',
  longest: 'one long test decides: split it',
  path: 'tests that wait for each other decide',
};

export function boundSays(run: Run): string {
  if (run.makespan === null || run.lower_bound === null || run.lower_bound <= 0) return '';
  const over = Math.round((run.makespan / run.lower_bound - 1) * 100);
  const why = run.binding !== null && Object.hasOwn(BINDING, run.binding) ? `; ${BINDING[run.binding]}` : '';
  return run.state === 'done' ? `${Math.max(0, over)} % above the bound${why}` : `no schedule can beat the bound${why}`;
}

const KIND: Record<string, string> = { gate: 'Tests', retry: 'Again on another worker', base: 'Again on what was tested before', try: 'Try' };
export const runName = (kind: string): string => (Object.hasOwn(KIND, kind) ? (KIND[kind] as string) : kind);
