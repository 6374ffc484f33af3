// SPDX-License-Identifier: GPL-2.0-only
// What the page of a rollout says: the verdict first, the steps, the time left, the metrics.
import type { MetricLook, Rollout, Sample, Verdict } from '../api/types';
import { change, count, duration } from './format';
import { rolloutLook, verdictLook, type Tone } from './states';

export interface Headline {
  tone: Tone;
  title: string;
  detail: string;
}

/** The decision, before everything else on the page. `later`: the newest rollout of the same landing. */
export function headlineOf(rollout: Rollout, verdicts: Verdict[], later: Rollout | null = null): Headline {
  if (rollout.state === 'done' && later !== null && later.id > rollout.id) {
    const ended = `It was live on ${count(rollout.size, 'host')}; this page shows how it ended.`;
    return { tone: 'back', title: `${rolloutLook(later.state).label} by rollout ${later.id}`, detail: ended };
  }
  const verdict = verdicts.at(-1) ?? rollout.verdict;
  const culprits = verdicts.at(-1)?.culprits ?? [];
  if (rollout.state === 'rolling_back' || rollout.state === 'rolled_back') {
    const verb = rollout.state === 'rolled_back' ? 'Rolled back' : 'Rolling back';
    const why = culprits.length > 0 ? `${verb}: ${culprits.join(', ')}` : verb;
    return { tone: 'back', title: why, detail: (verdict?.kind === 'regression' ? verdict.reason : '') || rollout.reason };
  }
  if (rollout.state === 'done') return { tone: 'good', title: `Live on ${count(rollout.size, 'host')}`, detail: verdict?.reason ?? rollout.reason };
  if (rollout.state === 'failed') return { tone: 'bad', title: 'Failed', detail: rollout.reason };
  if (rollout.state === 'watching' && verdict !== null) {
    const look = verdictLook(verdict.kind);
    return { tone: look.tone, title: look.label, detail: verdict.reason };
  }
  const look = rolloutLook(rollout.state);
  return { tone: look.tone, title: look.label, detail: rollout.reason };
}

export interface Step {
  name: string;
  note: string;
  state: 'done' | 'now' | 'back' | 'next' | 'never';
}

const BACKWARDS = new Set(['rolling_back', 'rolled_back']);

export function stepsOf(rollout: Rollout): Step[] {
  const names = rollout.stages.map((one) => one.name);
  const at = rollout.state === 'staging' || rollout.stage === '' ? -1 : names.indexOf(rollout.stage);
  const ended = !rollout.open;
  const stateOf = (index: number): Step['state'] => {
    if (rollout.state === 'done' || index < at) return 'done';
    if (index === at) return BACKWARDS.has(rollout.state) ? 'back' : 'now';
    return ended || rollout.state === 'rolling_back' ? 'never' : 'next';
  };
  const steps: Step[] = [{ name: 'Copy', note: `to ${count(rollout.size, 'host')}`, state: stateOf(-1) }];
  rollout.stages.forEach((stage, index) => {
    const lost = stage.budget === 0 ? 'none may be lost' : `${stage.budget} may be lost`;
    steps.push({ name: stage.name, note: `${count(stage.hosts, 'host')}, watched ${duration(stage.watch)}; ${lost}`, state: stateOf(index) });
  });
  return steps;
}

/** Seconds of the watch that are left, as far as its looks tell; null while nothing is watched. */
export function timeLeft(rollout: Rollout, samples: Sample[], now: number): number | null {
  if (rollout.state !== 'watching') return null;
  const stage = rollout.stages.find((one) => one.name === rollout.stage);
  const first = samples.find((one) => one.stage === rollout.stage);
  if (stage === undefined || first === undefined) return null;
  return Math.max(0, first.at + stage.watch - now);
}

export interface MetricView {
  name: string;
  times: number[];
  canary: (number | null)[];
  control: (number | null)[];
  ratio: (number | null)[];
  /** What is too small to be seen in this watch, as ratios; null where it is not known. */
  blindLow: (number | null)[];
  blindHigh: (number | null)[];
  last: MetricLook;
  looks: number;
  gaps: number;
  readings: number;
  /** Share of the evidence that a proof of harm needs, 0 to 1. */
  evidence: number;
  tone: Tone;
  says: string;
}

/** The looks of one stage, metric by metric; a look that saw nothing, or that is missing, is a gap in every line. */
export function metricsOf(samples: Sample[], stage: string, culprits: string[] = []): MetricView[] {
  const looks = samples.filter((one) => one.stage === stage).sort((a, b) => a.number - b.number);
  const names = [...new Set(looks.flatMap((look) => look.metrics.map((metric) => metric.name)))];
  return names.map((name) => metricOf(name, looks, culprits.includes(name)));
}

function metricOf(name: string, looks: Sample[], culprit: boolean): MetricView {
  const empty = { times: [], canary: [], control: [], ratio: [], blindLow: [], blindHigh: [] };
  const view: Pick<MetricView, 'times' | 'canary' | 'control' | 'ratio' | 'blindLow' | 'blindHigh'> = structuredClone(empty);
  let last: MetricLook = { name, canary: null, control: null, canary_n: 0, control_n: 0, ratio: null, log_e: 0, visible: null };
  let before: Sample | null = null;
  let [gaps, readings] = [0, 0];
  for (const look of looks) {
    if (before !== null && look.number > before.number + 1) {
      gaps += look.number - before.number - 1;
      push(view, (before.at + look.at) / 2, null);
    }
    const metric = look.gap === '' ? (look.metrics.find((one) => one.name === name) ?? null) : null;
    push(view, look.at, metric);
    if (metric === null) gaps += 1;
    else {
      last = metric;
      readings += metric.canary_n;
    }
    before = look;
  }
  const needed = looks.at(-1)?.needed ?? 0;
  const evidence = evidenceIn(last.log_e, needed);
  const tone: Tone = culprit || evidence >= 1 ? 'bad' : evidence > 0.5 ? 'warn' : 'good';
  return { name, ...view, last, looks: looks.length, gaps, readings, evidence, tone, says: saysOf(last, tone) };
}

/** Share of a proof; `log_e` null is beyond all numbers. */
function evidenceIn(logE: number | null, needed: number): number {
  if (logE === null) return 1;
  return needed > 0 ? Math.max(0, Math.min(1, logE / needed)) : 0;
}

function push(view: Pick<MetricView, 'times' | 'canary' | 'control' | 'ratio' | 'blindLow' | 'blindHigh'>, at: number, metric: MetricLook | null): void {
  const visible = metric?.visible ?? null;
  view.times.push(at);
  view.canary.push(metric?.canary ?? null);
  view.control.push(metric?.control ?? null);
  view.ratio.push(metric?.ratio ?? null);
  view.blindLow.push(visible === null ? null : Math.min(1, visible));
  view.blindHigh.push(visible === null ? null : Math.max(1, visible));
}

function saysOf(last: MetricLook, tone: Tone): string {
  if (last.ratio === null) return 'nothing to compare yet';
  const seen = last.visible === null ? '' : `; harm of ${change(last.visible)} or more can be seen`;
  return `${change(last.ratio)} against control${tone === 'bad' ? ', proved' : seen}`;
}
