// SPDX-License-Identifier: GPL-2.0-only
// What the test runs of the last landings tell together: how long, what decides, which tags were forgotten.
import type { Landing, Run } from '../api/types';

export interface RecentRun {
  landing: Landing;
  run: Run;
}

export interface Recent {
  runs: RecentRun[];
  forgotten: { tag: string; because: string; landings: number[] }[];
}

export function recentOf(found: { landing: Landing; runs: Run[] }[]): Recent {
  const runs = found.flatMap(({ landing, runs: all }) => all.filter((run) => run.kind === 'gate').map((run) => ({ landing, run }))).sort((a, b) => b.run.id - a.run.id);
  return { runs, forgotten: forgottenOf(runs) };
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
