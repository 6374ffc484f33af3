// SPDX-License-Identifier: GPL-2.0-only
// The tests over many runs: which are slow, flaky, stale or never selected; what is known of them all; the last runs.
import React from 'react';
import { Link } from 'react-router-dom';
import type { Gate, Learnt } from '../api/types';
import { LANDINGS, useRecent } from '../api/useRecent';
import { useResource } from '../api/useResource';
import { count, duration } from '../model/format';
import { boundSays } from '../model/landing';
import type { Recent, RecentRun } from '../model/recent';
import { tilesOf } from '../model/suite';
import { Columns } from '../parts/Columns';
import { Empty, Loaded } from '../parts/feedback';
import { GatePicker, useGateChoice } from '../parts/GatePicker';
import { CapacityPanel, CurvePanel, RulesPanel } from '../parts/LearntPanels';
import { Badge } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';
import { SuitePanel } from '../parts/SuitePanel';
import { Tiles } from '../parts/Tiles';

export function TestsPage() {
  const gates = useResource<Gate>('cd/gates', 'gates');
  const [gate, choose] = useGateChoice(gates.data);
  return (
    <Shell title="Tests">
      <Loaded from={gates}>
        {(all) =>
          gate === null ? (
            <Empty title="No gate yet" />
          ) : (
            <React.Fragment key={gate.name}>
              <GatePicker gates={all} gate={gate} choose={choose} />
              <Learning gate={gate.name} />
              <LastRuns gate={gate} />
            </React.Fragment>
          )
        }
      </Loaded>
    </Shell>
  );
}

function Learning({ gate }: { gate: string }) {
  const learnt = useResource<Learnt>(`cd/gates/${encodeURIComponent(gate)}/learnt`, 'learnt', ['cd/gates/*/moved'], 5000);
  const known = learnt.data?.[0];
  return (
    <>
      <Loaded from={learnt} lines={3}>
        {() => known !== undefined && <Tiles tiles={tilesOf(known)} />}
      </Loaded>
      <SuitePanel gate={gate} runs={known?.runs ?? 0} />
      <div className="bbcd-columns">
        <CapacityPanel gate={gate} />
        {known !== undefined && <CurvePanel learnt={known} />}
      </div>
      <RulesPanel gate={gate} />
    </>
  );
}

function LastRuns({ gate: { name, budget } }: { gate: Gate }) {
  const recent = useRecent(name);
  const again = (
    <button type="button" className="bbcd-button bbcd-small" onClick={recent.reload}>
      Read again
    </button>
  );
  return (
    <>
      <Panel title="Runs" note={`of the last ${LANDINGS} landings${budget === null ? '' : `; budget ${duration(budget)}`}`} aside={again}>
        <Loaded from={recent} lines={6}>
          {([found]) => (found === undefined || found.runs.length === 0 ? <Empty title="No test has run yet" /> : <Runs runs={found.runs} budget={budget} />)}
        </Loaded>
      </Panel>
      {recent.data?.[0] !== undefined && <Forgotten recent={recent.data[0]} />}
    </>
  );
}

function Forgotten({ recent }: { recent: Recent }) {
  return (
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
        <Columns names={['Landing', 'Tests', 'Workers', 'Took, against the bound', 'What decides']} />
        <tbody>
          {runs.map(({ landing, run }) => (
            <tr key={run.id}>
              <td>
                <Link to={`/cd/landings/${landing.id}`}>#{landing.id}</Link>
              </td>
              <td className="bbcd-num">
                <span data-name={run.counts.total === 1 ? 'test' : 'tests'}>{run.counts.total}</span>
                {run.counts.failed > 0 && <span className="bbcd-error">, {run.counts.failed} failed</span>}
              </td>
              <td className="bbcd-num" data-name={run.workers.length === 1 ? 'worker' : 'workers'}>
                {run.workers.length}
              </td>
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
