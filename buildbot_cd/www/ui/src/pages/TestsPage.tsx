// SPDX-License-Identifier: GPL-2.0-only
// The test stage of late: how long it took and what decided, the slowest tests, flakes, forgotten tags.
import React from 'react';
import { Link } from 'react-router-dom';
import type { Gate } from '../api/types';
import { LANDINGS, useRecent } from '../api/useRecent';
import { useResource } from '../api/useResource';
import { count, duration } from '../model/format';
import { boundSays } from '../model/landing';
import type { Recent, RecentRun } from '../model/recent';
import { Empty, Loaded } from '../parts/feedback';
import { GatePicker, useGateChoice } from '../parts/GatePicker';
import { Badge } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';

export function TestsPage() {
  const gates = useResource<Gate>('cd/gates', 'gates');
  const [gate, choose] = useGateChoice(gates.data);
  const recent = useRecent(gate?.name ?? null);
  return (
    <Shell title="Tests">
      <Loaded from={gates}>
        {(all) =>
          gate === null ? (
            <Empty title="No gate yet" />
          ) : (
            <>
              <GatePicker gates={all} gate={gate} choose={choose} />
              <Loaded from={recent} lines={8}>
                {([found]) => found !== undefined && <Found recent={found} budget={gate.budget} reload={recent.reload} />}
              </Loaded>
            </>
          )
        }
      </Loaded>
    </Shell>
  );
}

function Found({ recent, budget, reload }: { recent: Recent; budget: number | null; reload: () => void }) {
  const again = (
    <button type="button" className="bbcd-button bbcd-small" onClick={reload}>
      Read again
    </button>
  );
  return (
    <>
      <Panel title="Runs" note={`of the last ${LANDINGS} landings${budget === null ? '' : `; budget ${duration(budget)}`}`} aside={again}>
        {recent.runs.length === 0 ? <Empty title="No test has run yet" /> : <Runs runs={recent.runs} budget={budget} />}
      </Panel>
      <Panel title="Slowest tests" note={recent.of === null ? undefined : `of run ${recent.of.id}, with what was expected`}>
        {recent.slowest.length === 0 ? <Empty title="No run has ended yet" /> : <Slowest recent={recent} />}
      </Panel>
      <Panel title="Flaky of late" note="failed, then passed on another worker at the same revision">
        {recent.flakes.length === 0 ? (
          <Empty title={`No flake in ${count(recent.looked, 'landing')}`} />
        ) : (
          <ul className="bbcd-list">
            {recent.flakes.map((flake) => (
              <li key={flake.nid}>
                <code>{flake.nid}</code>
                <Badge tone="warn" label={count(flake.times, 'time')} />
                <span className="bbcd-when">
                  <Numbers landings={flake.landings} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Panel title="Forgotten tags" note="a rule added what the commit did not name">
        {recent.forgotten.length === 0 ? (
          <Empty title="Every commit named what it touches" />
        ) : (
          <ul className="bbcd-list">
            {recent.forgotten.map((one) => (
              <li key={one.tag + one.because}>
                <span>
                  <b>{one.tag}</b> <span className="bbcd-muted">{one.because}</span>
                </span>
                <Badge tone="idle" label={count(one.landings.length, 'landing')} />
                <span className="bbcd-when">
                  <Numbers landings={one.landings} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  );
}

function Numbers({ landings }: { landings: number[] }) {
  return (
    <>
      {landings.slice(0, 3).map((id) => (
        <Link key={id} to={`/cd/landings/${id}`}>
          #{id}{' '}
        </Link>
      ))}
    </>
  );
}

function Runs({ runs, budget }: { runs: RecentRun[]; budget: number | null }) {
  const longest = Math.max(budget ?? 0, ...runs.map(({ run }) => run.makespan ?? 0), 1);
  return (
    <div className="bbcd-scroll">
      <table className="bbcd-table bbcd-dense bbcd-runs">
        <thead>
          <tr>
            <th scope="col">Landing</th>
            <th scope="col">Tests</th>
            <th scope="col">Workers</th>
            <th scope="col">Took, against the bound</th>
            <th scope="col">What decides</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(({ landing, run }) => (
            <tr key={run.id}>
              <td>
                <Link to={`/cd/landings/${landing.id}`}>#{landing.id}</Link>
              </td>
              <td className="bbcd-num">
                {run.counts.total}
                {run.counts.failed > 0 && <span className="bbcd-error">, {run.counts.failed} failed</span>}
              </td>
              <td className="bbcd-num">{run.workers.length}</td>
              <td className="bbcd-took">
                {run.makespan !== null && (
                  <span className="bbcd-span" aria-hidden="true">
                    <i style={{ width: `${(run.makespan / longest) * 100}%` }} />
                    {run.lower_bound !== null && <b style={{ left: `${(run.lower_bound / longest) * 100}%` }} />}
                  </span>
                )}
                <span className="bbcd-num">
                  {duration(run.makespan)}
                  {run.lower_bound !== null && <span className="bbcd-muted"> / {duration(run.lower_bound)}</span>}
                </span>
              </td>
              <td className="bbcd-muted">{run.advice || boundSays(run)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Slowest({ recent }: { recent: Recent }) {
  return (
    <table className="bbcd-table bbcd-dense bbcd-slowest">
      <thead>
        <tr>
          <th scope="col">Test</th>
          <th scope="col">Took</th>
          <th scope="col" className="bbcd-right">
            Expected
          </th>
        </tr>
      </thead>
      <tbody>
        {recent.slowest.map(({ test, share }) => (
          <tr key={test.nid}>
            <td>
              <code>{test.nid}</code>
            </td>
            <td className="bbcd-took">
              <span className="bbcd-span" aria-hidden="true">
                <i style={{ width: `${share * 100}%` }} />
              </span>
              <span className="bbcd-num">{(test.seconds ?? 0).toFixed(1)} s</span>
            </td>
            <td className="bbcd-num bbcd-muted bbcd-right">{test.estimate.toFixed(1)} s</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
