// SPDX-License-Identifier: GPL-2.0-only
// How fast and how safe it has been: figures with the counts behind them, day by day, and as CSV.
import React, { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { ApiError, read } from '../api/client';
import type { Gate, History, Landing } from '../api/types';
import { useResource } from '../api/useResource';
import { count, duration, utcDay } from '../model/format';
import { daysCsv, landingsCsv, outcomesOf, partsOf, tilesOf } from '../model/history';
import { Columns } from '../parts/Columns';
import { Empty, Loaded } from '../parts/feedback';
import { GatePicker, useGateChoice } from '../parts/GatePicker';
import { Panel, Shell } from '../parts/Shell';
import { Tiles } from '../parts/Tiles';

const WINDOWS = [1, 7, 30, 90];

export function HistoryPage() {
  const gates = useResource<Gate>('cd/gates', 'gates');
  const [gate, choose] = useGateChoice(gates.data);
  const [params, setParams] = useSearchParams();
  const days = WINDOWS.includes(Number(params.get('days'))) ? Number(params.get('days')) : 7;
  const path = gate === null ? null : `cd/history?days=${days}&gate=${encodeURIComponent(gate.name)}`;
  const history = useResource<History>(path, 'history', ['cd/gates/*/moved']);
  const look = (n: number) => {
    params.set('days', String(n));
    setParams(params, { replace: true });
  };
  return (
    <Shell title="History">
      <Loaded from={gates}>
        {(all) =>
          gate === null ? (
            <Empty title="No gate yet" />
          ) : (
            <>
              <div className="bbcd-toolbar">
                <GatePicker gates={all} gate={gate} choose={choose} />
                <div className="bbcd-switch" role="group" aria-label="Window">
                  {WINDOWS.map((n) => (
                    <button key={n} type="button" aria-pressed={days === n} onClick={() => look(n)}>
                      {count(n, 'day')}
                    </button>
                  ))}
                </div>
              </div>
              <Loaded from={history} lines={8}>
                {([found]) => (found === undefined ? <Empty title="Nothing is known of this gate" /> : <Figures history={found} />)}
              </Loaded>
            </>
          )
        }
      </Loaded>
    </Shell>
  );
}

function Figures({ history }: { history: History }) {
  const ended = history.counts.ended ?? 0;
  return (
    <>
      <Tiles tiles={tilesOf(history)} />
      <Panel title="Day by day" note={`${count(ended, 'landing')} ended; days in UTC`} aside={<Downloads history={history} />}>
        {ended === 0 ? <Empty title="No landing ended in this window" /> : <Days history={history} />}
      </Panel>
      <div className="bbcd-columns">
        <Panel title="Where the time goes">
          <Stages history={history} />
        </Panel>
        <Panel title="How landings ended">
          <dl className="bbcd-facts bbcd-flat">
            {outcomesOf(history).map(([name, n]) => (
              <React.Fragment key={name}>
                <dt>{name}</dt>
                <dd className="bbcd-num">{n.toLocaleString('en')}</dd>
              </React.Fragment>
            ))}
          </dl>
          <p className="bbcd-more">
            <Link to="/cd/landings?state=reverted">Reverted landings, with their evidence</Link>
          </p>
        </Panel>
      </div>
    </>
  );
}

function Stages({ history }: { history: History }) {
  const parts = partsOf(history);
  const longest = Math.max(...parts.map(({ stat }) => stat.p90 ?? 0), 1);
  return (
    <table className="bbcd-table bbcd-dense bbcd-slowest">
      <thead>
        <tr>
          <th scope="col">Part</th>
          <th scope="col">Median to 90 %</th>
          <th scope="col" className="bbcd-right">
            Counted
          </th>
        </tr>
      </thead>
      <tbody>
        {parts.map(({ name, stat }) => (
          <tr key={name}>
            <td>{name}</td>
            <td className="bbcd-took">
              <span className="bbcd-span" aria-hidden="true">
                <i className="bbcd-to90" style={{ width: `${((stat.p90 ?? 0) / longest) * 100}%` }} />
                <i style={{ width: `${((stat.p50 ?? 0) / longest) * 100}%` }} />
              </span>
              <span className="bbcd-num">{stat.n === 0 ? 'none' : `${duration(stat.p50)} to ${duration(stat.p90)}`}</span>
            </td>
            <td className="bbcd-num bbcd-right">{stat.n.toLocaleString('en')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const H = 120;

function Days({ history }: { history: History }) {
  const days = history.per_day;
  const most = Math.max(...days.map((one) => one.live + one.reverted + one.rolled_back), 1);
  const step = 100 / Math.max(1, days.length);
  const bar = (value: number) => (value / most) * H;
  return (
    <figure className="bbcd-body">
      <svg className="bbcd-days" viewBox={`0 0 100 ${H}`} preserveAspectRatio="none" role="img" aria-label={`Landings a day, ${count(days.length, 'day')}; the table below has the figures`}>
        {days.map((one, i) => {
          const [x, width] = [i * step + step * 0.12, step * 0.76];
          const back = bar(one.reverted + one.rolled_back);
          return (
            <g key={one.day}>
              <title>{`${utcDay(one.day)}: ${one.live} live, ${one.reverted} reverted, ${one.rolled_back} rolled back`}</title>
              <rect className="bbcd-day-live" x={x} width={width} y={H - bar(one.live)} height={bar(one.live)} />
              <rect className="bbcd-day-reverted" x={x} width={width} y={H - bar(one.live) - bar(one.reverted)} height={bar(one.reverted)} />
              <rect className="bbcd-day-back" x={x} width={width} y={H - bar(one.live) - back} height={bar(one.rolled_back)} />
            </g>
          );
        })}
      </svg>
      <p className="bbcd-axis bbcd-muted bbcd-num">
        <span>{days[0] && utcDay(days[0].day)}</span>
        <span>most: {most} a day</span>
        <span>{days.at(-1) && utcDay(days.at(-1)?.day ?? 0)}</span>
      </p>
      <figcaption className="bbcd-key">
        <span className="bbcd-key-live">live</span>
        <span className="bbcd-key-reverted">reverted</span>
        <span className="bbcd-key-back">rolled back</span>
      </figcaption>
      <details className="bbcd-day-table">
        <summary>As a table</summary>
        <table className="bbcd-table bbcd-dense">
          <Columns names={['Day', 'Live', 'Reverted', 'Rolled back']} />
          <tbody>
            {[...days].reverse().map((one) => (
              <tr key={one.day} className="bbcd-num">
                <td>{utcDay(one.day)}</td>
                <td>{one.live}</td>
                <td>{one.reverted}</td>
                <td>{one.rolled_back}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function Downloads({ history }: { history: History }) {
  const [state, setState] = useState('');
  const landings = async () => {
    setState('reading…');
    try {
      const all = await landingsSince(history.gate, history.since, (n) => setState(`${n} read…`));
      save(`landings-${history.gate}-${history.days}d.csv`, landingsCsv(all));
      setState('');
    } catch (error) {
      setState(error instanceof ApiError ? error.message : String(error));
    }
  };
  return (
    <>
      <span className="bbcd-muted" role="status">
        {state}
      </span>
      <button type="button" className="bbcd-button bbcd-small" onClick={landings}>
        Landings as CSV
      </button>
      <button type="button" className="bbcd-button bbcd-small" onClick={() => save(`days-${history.gate}-${history.days}d.csv`, daysCsv(history))}>
        Days as CSV
      </button>
    </>
  );
}

const PAGE = 500;

/** All landings that ended in the window or have not ended: ids grow with the push, so one page older than it ends the search. */
async function landingsSince(gate: string, since: number, progress: (n: number) => void): Promise<Landing[]> {
  const found: Landing[] = [];
  let below = '';
  for (;;) {
    const { items } = await read<Landing>(`cd/landings?gate=${encodeURIComponent(gate)}&limit=${PAGE}${below}`, 'landings');
    found.push(...items.filter((one) => one.open || one.since >= since));
    progress(found.length);
    const last = items.at(-1);
    if (items.length < PAGE || last === undefined || items.every((one) => !one.open && one.since < since)) return found;
    below = `&id__lt=${last.id}`;
  }
}

function save(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
