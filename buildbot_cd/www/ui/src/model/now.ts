// SPDX-License-Identifier: GPL-2.0-only
// What the page Now says, out of a gate, its open landings and the rollout under way.
import type { Gate, Landing, Rollout, Run, StageTimes } from '../api/types';
import { count, duration, person } from './format';
import type { Tone } from './states';

export interface Banner {
  tone: Tone;
  title: string;
  detail: string;
  /** One word for the answer to "is it safe to push?" */
  answer: 'Safe to push' | 'You can push; it waits' | 'Better wait';
}

const SHUT: Record<string, string> = { closed: 'Frozen', drain: 'Draining', halted: 'Halted' };

export function bannerOf(gate: Gate, landings: Landing[]): Banner {
  if (gate.mode !== 'open') return shut(gate);
  const backing = landings.filter((one) => gate.reverting.includes(one.id));
  if (gate.reverting.length > 0) {
    const first = backing[0];
    return {
      tone: 'back',
      title: first === undefined ? 'A change is being taken back' : `Taking back #${first.id}: ${first.subject}`,
      detail: sentence(first?.reason || gate.obstacle),
      answer: 'Better wait',
    };
  }
  const stuck = landings.find((one) => one.state === 'halted');
  if (stuck !== undefined) {
    return { tone: 'bad', title: `#${stuck.id} waits for a person`, detail: sentence(stuck.reason || gate.obstacle), answer: 'Better wait' };
  }
  return running(gate);
}

function shut(gate: Gate): Banner {
  const who = gate.by === '' || gate.by === 'gate' ? 'by the rules' : `by ${person(gate.by)}`;
  return {
    tone: gate.mode === 'halted' ? 'bad' : 'warn',
    title: `${SHUT[gate.mode] ?? gate.mode} ${who}`,
    detail: sentence(gate.why) + (gate.min_priority > 0 ? ` Landings of priority ${gate.min_priority} and more pass.` : ''),
    answer: gate.mode === 'drain' ? 'You can push; it waits' : 'Better wait',
  };
}

function running(gate: Gate): Banner {
  const { test, deploy } = gate.slots;
  const busy = [test && `testing #${test.landing}`, deploy && `deploying #${deploy.landing}`].filter(Boolean).join(', ');
  if (busy === '' && gate.queued === 0) {
    return { tone: 'good', title: 'Open and free', detail: 'The next push is tested at once.', answer: 'Safe to push' };
  }
  const title = busy === '' ? 'Open' : `Open, ${busy}`;
  const queue = gate.queued === 0 ? '' : `${count(gate.queued, 'landing waits', 'landings wait')} in the queue. `;
  const detail = gate.obstacle === '' ? `${queue}The next push is tested at once.` : `${queue}${sentence(gate.obstacle)}`;
  return { tone: gate.safe ? 'good' : 'busy', title, detail, answer: gate.safe ? 'Safe to push' : 'You can push; it waits' };
}

export function sentence(text: string): string {
  if (text === '') return '';
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export interface Station {
  key: string;
  name: string;
  note: string;
  landings: Landing[];
  /** Landings that are there, but too many to draw. */
  more: number;
  active: boolean;
  tone: Tone;
}

const TESTING = new Set(['preparing', 'testing', 'confirming', 'infra_hold']);
const SHOWN = 5;

/** The lane commit > test > (stages of the fleet) > live, with each open landing at its place. */
export function laneOf(gate: Gate, landings: Landing[], rollout: Rollout | null, newest: Landing | null): Station[] {
  const waiting = ordered(gate, landings);
  const inTest = landings.filter((one) => gate.slots.test?.landing === one.id || TESTING.has(one.state));
  const out = landings.filter((one) => gate.slots.deploy?.landing === one.id && !inTest.includes(one));
  const stations = [
    station('queue', 'Queue', gate.queued === 0 ? 'empty' : '', waiting, 'idle'),
    station('test', 'Test', times(gate.stages.test), inTest, toneOf(inTest)),
    ...stagesOf(rollout).map((stage) => {
      const here = out.filter(() => stageAt(rollout) === stage.name);
      return station(`stage-${stage.name}`, stage.title, stage.note, here, toneOf(here));
    }),
    station('live', 'Live', '', newest === null ? [] : [newest], 'good'),
  ];
  const placed = stations.some((one) => one.key.startsWith('stage-') && one.landings.length > 0);
  const first = stations.find((one) => one.key.startsWith('stage-'));
  if (!placed && out.length > 0 && first !== undefined) Object.assign(first, { landings: out, active: true, tone: toneOf(out) });
  return stations;
}

/** Landings of the queue in the order in which they will be admitted. */
export function ordered(gate: Gate, landings: Landing[]): Landing[] {
  const byId = new Map(landings.map((one) => [one.id, one]));
  return gate.queue.flatMap((id) => byId.get(id) ?? []);
}

function station(key: string, name: string, note: string, landings: Landing[], tone: Tone): Station {
  const shown = landings.slice(0, SHOWN);
  return { key, name, note, landings: shown, more: landings.length - shown.length, active: landings.length > 0, tone };
}

function toneOf(landings: Landing[]): Tone {
  if (landings.some((one) => one.state === 'halted')) return 'bad';
  if (landings.some((one) => one.state === 'rolling_back' || one.state === 'reverting')) return 'back';
  if (landings.some((one) => one.state === 'infra_hold' || one.state === 'confirming')) return 'warn';
  if (landings.length > 0 && landings.every((one) => one.state === 'passed')) return 'good';
  return landings.length > 0 ? 'busy' : 'idle';
}

/** Where a rollout stands in the lane: copying to all hosts comes before its first stage. */
function stageAt(rollout: Rollout | null): string {
  if (rollout === null || !rollout.open) return '';
  return rollout.stage === '' || rollout.state === 'staging' ? COPY : rollout.stage;
}

const COPY = ' copy';

function stagesOf(rollout: Rollout | null): { name: string; title: string; note: string }[] {
  if (rollout === null) return [{ name: COPY, title: 'Deploy', note: '' }];
  const stages = rollout.stages.map((one) => ({
    name: one.name,
    title: one.name.charAt(0).toUpperCase() + one.name.slice(1),
    note: `${count(one.hosts, 'host')}, watch ${duration(one.watch)}`,
  }));
  return [{ name: COPY, title: 'Copy', note: `to ${count(rollout.size, 'host')}` }, ...stages];
}

function times(stage: StageTimes | null): string {
  return stage === null ? '' : `usually ${duration(stage.p50)}`;
}

export interface Budget {
  share: number;
  over: boolean;
  label: string;
}

/** How much of the time that a test run should take at most is gone. */
export function budgetOf(gate: Gate, run: Run | null, now: number): Budget | null {
  if (gate.budget === null || gate.budget <= 0 || gate.slots.test === null) return null;
  const begun = run?.planned_at ?? run?.created_at ?? gate.slots.test.since;
  const gone = Math.max(0, (run?.ended_at ?? now) - begun);
  const over = gone > gate.budget;
  const label = over
    ? `${duration(gone - gate.budget)} over the budget of ${duration(gate.budget)}`
    : `${duration(gone)} of ${duration(gate.budget)}`;
  return { share: Math.min(1, gone / gate.budget), over, label };
}

/** The newest run of the kind that decides, for the progress of the test slot. */
export function decidingRun(runs: Run[]): Run | null {
  return runs.filter((one) => one.kind === 'gate').reduce<Run | null>((best, one) => (best === null || one.id > best.id ? one : best), null);
}
