// SPDX-License-Identifier: GPL-2.0-only
// What the test runs of the last landings tell together: how long, what decides, what flakes, which tags were forgotten.
import type { Landing, Run, RunTest } from '../api/types';
import { flakesOf, type Flake } from './landing';

export interface RecentRun {
  landing: Landing;
  run: Run;
}

export interface Recent {
  runs: RecentRun[];
  slowest: { test: RunTest; share: number }[];
  of: Run | null;
  flakes: Flake[];
  looked: number;
  forgotten: { tag: string; because: string; landings: number[] }[];
}

const SLOWEST = 20;

/** `tests`: by run; wanted are those of the newest finished deciding run, and those that failed or ran again. */
export function recentOf(found: { landing: Landing; runs: Run[] }[], tests: Map<number, RunTest[]>): Recent {
  const runs = found.flatMap(({ landing, runs: all }) => all.filter((run) => run.kind === 'gate').map((run) => ({ landing, run }))).sort((a, b) => b.run.id - a.run.id);
  const of = newestFinished(found);
  const done = (of === null ? [] : (tests.get(of.id) ?? [])).filter((test) => test.seconds !== null);
  const longest = Math.max(...done.map((test) => test.seconds ?? 0), 0.001);
  const slowest = [...done].sort((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)).slice(0, SLOWEST);
  const failed = (run: Run) => (tests.get(run.id) ?? []).filter((test) => test.outcome === 'failed' || test.outcome === 'error').map((test) => test.nid);
  const passed = (run: Run) => (tests.get(run.id) ?? []).filter((test) => test.outcome === 'passed').map((test) => test.nid);
  const flakes = flakesOf(
    found.map(({ landing, runs: all }) => ({
      landing: landing.id,
      failed: all.filter((run) => run.kind === 'gate').flatMap(failed),
      passedAgain: all.filter((run) => run.kind === 'retry').flatMap(passed),
    })),
  );
  return {
    runs,
    slowest: slowest.map((test) => ({ test, share: (test.seconds ?? 0) / longest })),
    of,
    flakes,
    looked: found.filter((one) => one.runs.length > 0).length,
    forgotten: forgottenOf(runs),
  };
}

export function newestFinished(found: { runs: Run[] }[]): Run | null {
  const done = found.flatMap((one) => one.runs).filter((run) => run.kind === 'gate' && run.state === 'done' && run.counts.done > 0);
  return done.reduce<Run | null>((best, run) => (best === null || run.id > best.id ? run : best), null);
}

function forgottenOf(runs: RecentRun[]): Recent['forgotten'] {
  const byTag = new Map<string, { tag: string; because: string; landings: number[] }>();
  for (const { landing, run } of runs) {
    for (const { tag, because } of run.missing_tags) {
      const key = `${tag} ${because}`;
      const known = byTag.get(key) ?? { tag, because, landings: [] };
      if (!known.landings.includes(landing.id)) known.landings.push(landing.id);
      byTag.set(key, known);
    }
  }
  return [...byTag.values()].sort((a, b) => b.landings.length - a.landings.length);
}
