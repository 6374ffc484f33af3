// SPDX-License-Identifier: GPL-2.0-only
// Is it safe to push? Who is where, who waits, why, and how long.
import React, { useEffect, useMemo, useState } from 'react';
import { Link } from 'react-router-dom';
import { setClock } from '../api/client';
import type { Gate, Landing, Rollout, Run, RunCounts } from '../api/types';
import { useLatest, useResource } from '../api/useResource';
import { gateActions, landingActions } from '../model/actions';
import { ago, clock, count, duration, inRange, rough } from '../model/format';
import { bannerOf, budgetOf, decidingRun, laneOf, ordered, type Station } from '../model/now';
import { Actions } from '../parts/Actions';
import { Columns } from '../parts/Columns';
import { Empty, Loaded, Loading } from '../parts/feedback';
import { GatePicker, useGateChoice } from '../parts/GatePicker';
import { LandingLine } from '../parts/LandingLine';
import { LandingBadge, Sign } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';
import { useNow } from '../parts/useNow';

export function Now() {
  const gates = useResource<Gate>('cd/gates', 'gates', ['cd/gates/*/moved']);
  const [gate, choose] = useGateChoice(gates.data);
  if (gate !== null) setClock(gate.now + (Date.now() / 1000 - gates.readAt));
  return (
    <Shell title="Now">
      <Loaded from={gates} lines={6}>
        {(all) =>
          gate === null ? (
            <Empty title="No gate yet">
              <p>The gate appears once the master has seen trunk for the first time.</p>
            </Empty>
          ) : (
            <>
              <GatePicker gates={all} gate={gate} choose={choose} />
              <GateNow key={gate.name} gate={gate} reload={gates.reload} />
            </>
          )
        }
      </Loaded>
    </Shell>
  );
}

function GateNow({ gate, reload }: { gate: Gate; reload: () => void }) {
  const name = encodeURIComponent(gate.name);
  const events = ['cd/landings/*/*', `cd/gates/${gate.name}/moved`];
  const open = useResource<Landing>(`cd/landings?gate=${name}&open=1&order=id&limit=500`, 'landings', events);
  const ended = useResource<Landing>(`cd/landings?gate=${name}&open=0&limit=8`, 'landings', events);
  const newest = useResource<Rollout>('cd/rollouts?limit=1', 'rollouts', ['cd/rollouts/*/*']);
  const at = newest.data?.[0] === undefined ? null : `cd/rollouts/${newest.data[0].id}`;
  const rollouts = useResource<Rollout>(at, 'rollouts', [`${at}/*`, `${at}/hosts`]);
  const changed = () => {
    reload();
    open.reload();
  };
  const landings = open.data ?? [];
  const rollout = rollouts.data?.[0] ?? null;
  const live = ended.data?.find((one) => one.state === 'live') ?? null;
  return (
    <>
      <GateBanner gate={gate} landings={landings} changed={changed} />
      <Lane stations={laneOf(gate, landings, rollout, live)} gate={gate} rollout={rollout} />
      <Loaded from={open}>{(all) => <Queue gate={gate} landings={all} changed={changed} />}</Loaded>
      <Panel title="Just ended" aside={<Link to="/cd/landings">All landings</Link>}>
        <Loaded from={ended} lines={3}>
          {(all) => <Ended landings={all} />}
        </Loaded>
      </Panel>
    </>
  );
}

function GateBanner({ gate, landings, changed }: { gate: Gate; landings: Landing[]; changed: () => void }) {
  const now = useNow(gate.until === null ? 30_000 : 1000);
  const banner = bannerOf(gate, landings);
  return (
    <section className={`bbcd-banner bbcd-tone-${banner.tone}`} aria-label="Gate">
      <Sign tone={banner.tone} size={26} />
      <div className="bbcd-banner-text">
        <p className="bbcd-answer">{banner.answer}</p>
        <h1 aria-live="polite">{banner.title}</h1>
        <p>
          {banner.detail}
          {gate.until !== null && ` Until ${clock(gate.until, now)}, ${rough(gate.until - now)} from now.`}
        </p>
      </div>
      <Actions actions={gateActions(gate)} done={changed} />
    </section>
  );
}

function Lane({ stations, gate, rollout }: { stations: Station[]; gate: Gate; rollout: Rollout | null }) {
  return (
    <ol className="bbcd-lane" aria-label="The way of a commit">
      {stations.map((station) => (
        <li key={station.key} className={`bbcd-station bbcd-tone-${station.tone}${station.active ? ' bbcd-active' : ''}`}>
          <header>
            <Sign tone={station.tone} size={14} />
            <h2>{station.name}</h2>
            <span className="bbcd-muted">{station.note}</span>
          </header>
          {station.landings.map((landing) =>
            station.key === 'queue' ? <Waiting key={landing.id} landing={landing} /> : <Card key={landing.id} landing={landing} station={station} gate={gate} rollout={rollout} />,
          )}
          {station.more > 0 && <p className="bbcd-muted bbcd-more">and {station.more} more</p>}
          {!station.active && station.key !== 'queue' && <p className="bbcd-free">{station.key === 'live' ? 'nothing yet' : 'free'}</p>}
        </li>
      ))}
    </ol>
  );
}

function Waiting({ landing }: { landing: Landing }) {
  const now = useNow(5000);
  return (
    <p className="bbcd-waiting">
      <Link to={`/cd/landings/${landing.id}`} title={landing.subject}>
        #{landing.id} {landing.subject}
      </Link>
      <span className="bbcd-muted bbcd-num">{landing.held ? 'held' : rough(now - landing.queued_at)}</span>
    </p>
  );
}

function Card({ landing, station, gate, rollout }: { landing: Landing; station: Station; gate: Gate; rollout: Rollout | null }) {
  const now = useNow(1000);
  return (
    <article className="bbcd-card">
      <LandingLine landing={landing} />
      <p className="bbcd-card-foot">
        {station.key === 'live' ? <span className="bbcd-muted">{ago(landing.since, now)}</span> : <LandingBadge state={landing.state} />}
        {station.key !== 'live' && <span className="bbcd-muted bbcd-num">{duration(now - landing.since)}</span>}
      </p>
      {station.key === 'test' && <TestProgress landing={landing} gate={gate} />}
      {station.key.startsWith('stage-') && rollout !== null && rollout.landing === landing.id && <HostProgress rollout={rollout} />}
    </article>
  );
}

function HostProgress({ rollout }: { rollout: Rollout }) {
  const { new: fresh = 0, back = 0, old = 0 } = rollout.marks ?? {};
  const backwards = rollout.state === 'rolling_back';
  const [done, all] = backwards ? [back, rollout.size - old] : [fresh, rollout.size];
  return (
    <Link to={`/cd/rollouts/${rollout.id}`} className="bbcd-progress-link">
      <Bar share={all === 0 ? 0 : done / all} label={`${done} of ${count(all, 'host')}${backwards ? ' back' : ''}`} tone={backwards ? 'back' : 'busy'} />
    </Link>
  );
}

function TestProgress({ landing, gate }: { landing: Landing; gate: Gate }) {
  // Until the run is under way, news of any run may be the plan of this one; then its own counts are enough.
  const [planned, setPlanned] = useState(false);
  const events = [`cd/landings/${landing.id}/*`, ...(planned ? [] : ['cd/runs/*/updated'])];
  const runs = useResource<Run>(`cd/landings/${landing.id}/runs`, 'runs', events);
  const now = useNow(1000);
  const run = useMemo(() => decidingRun(runs.data ?? []), [runs.data]);
  useEffect(() => setPlanned(run !== null && run.state !== 'planning'), [run]);
  const news = useLatest<{ counts: RunCounts }>(run === null ? null : `cd/runs/${run.id}/updated`);
  const counts = news?.counts ?? run?.counts;
  const budget = budgetOf(gate, run, now);
  if (runs.data === null && runs.error === null) return <Loading lines={1} />;
  return (
    <>
      {counts !== undefined && counts.total > 0 && (
        <Bar
          share={counts.done / counts.total}
          label={`${counts.done} of ${count(counts.total, 'test')}${counts.failed > 0 ? `, ${counts.failed} failed` : ''}`}
          tone={counts.failed > 0 ? 'bad' : 'busy'}
        />
      )}
      {budget !== null && <Bar share={budget.share} label={budget.label} tone={budget.over ? 'warn' : 'idle'} thin />}
    </>
  );
}

export function Bar({ share, label, tone, thin = false }: { share: number; label: string; tone: string; thin?: boolean }) {
  const percent = Math.round(Math.max(0, Math.min(1, share)) * 1000) / 10;
  return (
    <div className={`bbcd-bar bbcd-tone-${tone}${thin ? ' bbcd-thin' : ''}`}>
      <div className="bbcd-bar-track" role="progressbar" aria-valuenow={Math.round(percent)} aria-valuemin={0} aria-valuemax={100} aria-label={label}>
        <span style={{ width: `${percent}%` }} />
      </div>
      <span className="bbcd-bar-label bbcd-num">{label}</span>
    </div>
  );
}

const ROWS = 50;

function Queue({ gate, landings, changed }: { gate: Gate; landings: Landing[]; changed: () => void }) {
  const now = useNow(5000);
  const waiting = ordered(gate, landings);
  const others = landings.filter((one) => !gate.queue.includes(one.id));
  const rows = [...others, ...waiting].slice(0, ROWS);
  const more = others.length + waiting.length - rows.length;
  return (
    <Panel title="On the way" note={count(gate.open, 'landing')}>
      {rows.length === 0 ? (
        <Empty title="Nothing is on its way">
          <p>A push to trunk shows up here within seconds.</p>
        </Empty>
      ) : (
        <table className="bbcd-table bbcd-queue">
          <Columns names={['Place', 'Landing', 'Waits for', 'Live', <span className="bbcd-unseen">Actions</span>]} />
          <tbody>
            {rows.map((landing) => (
              <tr key={landing.id}>
                <td className="bbcd-place">{landing.waiting?.position ?? <span title="inside">–</span>}</td>
                <td>
                  <LandingLine landing={landing} />
                </td>
                <td>
                  <div className="bbcd-why-cell">
                  <LandingBadge state={landing.state} />
                  <span>{landing.waiting?.why ?? landing.reason}</span>
                  <span className="bbcd-muted bbcd-num">
                    {landing.waiting !== null && `for ${rough(now - landing.waiting.since)}`}
                    {landing.waiting?.turn && `, its turn ${inRange(landing.waiting.turn, now)}`}
                  </span>
                  </div>
                </td>
                <td className="bbcd-num bbcd-eta">{inRange(landing.waiting?.eta ?? null, now)}</td>
                <td>
                  <Actions actions={landingActions(landing, null, gate.live)} done={changed} small />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {more > 0 && <p className="bbcd-muted bbcd-more">and {more} more behind them</p>}
    </Panel>
  );
}

function Ended({ landings }: { landings: Landing[] }) {
  const now = useNow(10_000);
  if (landings.length === 0) return <Empty title="Nothing has ended yet" />;
  return (
    <ul className="bbcd-list">
      {landings.map((landing) => (
        <li key={landing.id}>
          <LandingLine landing={landing} />
          <LandingBadge state={landing.state} />
          <span className="bbcd-muted bbcd-num bbcd-when">{ago(landing.since, now)}</span>
          {landing.state !== 'live' && landing.reason !== '' && <p className="bbcd-reason">{landing.reason}</p>}
        </li>
      ))}
    </ul>
  );
}
