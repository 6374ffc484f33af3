// SPDX-License-Identifier: GPL-2.0-only
// The hosts of a rollout: legend that filters, picture or table, and what is known of one host.
import React, { useMemo, useState } from 'react';
import type { Fleet } from '../api/types';
import type { Resource } from '../api/useResource';
import { countMarks, groups, MARKS, passes, type Filter, type FleetModel, type HostRow, type Mark } from '../model/fleet';
import { ago, count } from '../model/format';
import { Columns } from './Columns';
import { Empty, Loaded, Loading } from './feedback';
import { FleetPicture, MarkSign } from './FleetPicture';
import { Panel } from './Shell';
import { useNow } from './useNow';
import { useTheme } from './useTheme';

export function FleetPanel({ read, model }: { read: Resource<Fleet>; model: FleetModel | null }) {
  const [text, setText] = useState('');
  const [marks, setMarks] = useState<ReadonlySet<Mark>>(new Set());
  const [view, setView] = useState<'picture' | 'table'>('picture');
  const filter = useMemo<Filter>(() => ({ text, marks }), [text, marks]);
  const stages = useMemo(() => (model === null ? [] : groups(model)), [model]);
  const rows = useMemo(() => stages.flatMap((one) => one.rows), [stages]);
  const toggle = (mark: Mark) => {
    const next = new Set(marks);
    if (!next.delete(mark)) next.add(mark);
    setMarks(next);
  };
  const shown = rows.filter((row) => passes(row, filter)).length;
  const filtered = shown !== rows.length;
  return (
    <Panel
      title="Fleet"
      note={<span aria-live="polite">{filtered ? `${shown} of ${count(rows.length, 'host')}` : count(rows.length, 'host')}</span>}
      aside={
        <>
          <input type="search" data-bbcd-filter="" placeholder="Filter hosts ( / )" aria-label="Filter hosts" value={text} onChange={(event) => setText(event.target.value)} />
          <div className="bbcd-switch" role="group" aria-label="View">
            {(['picture', 'table'] as const).map((name) => (
              <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
                {name === 'picture' ? 'Picture' : 'Table'}
              </button>
            ))}
          </div>
        </>
      }
    >
      <Loaded from={read} lines={5}>
        {() =>
          model === null ? (
            <Loading lines={5} />
          ) : (
            <>
              <Legend rows={rows} marks={marks} toggle={toggle} />
              {rows.length === 0 && <Empty title="No hosts are recorded for this rollout" />}
              {rows.length > 0 && shown === 0 && <Empty title="No host matches this filter" />}
              {view === 'picture' ? <Pictures stages={stages} filter={filter} /> : <HostTable rows={rows.filter((row) => passes(row, filter))} />}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Legend({ rows, marks, toggle }: { rows: HostRow[]; marks: ReadonlySet<Mark>; toggle: (mark: Mark) => void }) {
  const theme = useTheme();
  const counts = countMarks(rows);
  return (
    <div className="bbcd-legend" role="group" aria-label="Show only">
      {MARKS.map(({ mark, label, meaning }) => (
        <button key={mark} type="button" aria-pressed={marks.has(mark)} title={meaning} onClick={() => toggle(mark)} className={counts[mark] === 0 ? 'bbcd-none' : ''}>
          <MarkSign mark={mark} theme={theme} />
          {label} <b className="bbcd-num">{counts[mark].toLocaleString('en')}</b>
        </button>
      ))}
    </div>
  );
}

function Pictures({ stages, filter }: { stages: ReturnType<typeof groups>; filter: Filter }) {
  const theme = useTheme();
  const [selected, select] = useState<string | null>(null);
  const host = stages.flatMap((one) => one.rows).find((row) => row.host === selected) ?? null;
  return (
    <div className="bbcd-body bbcd-pictures">
      {stages.map(({ stage, rows }) => (
        <figure key={stage}>
          <figcaption>
            {stage || 'no stage'} <span className="bbcd-muted">{count(rows.length, 'host')}</span>
          </figcaption>
          <FleetPicture label={stage || 'no stage'} rows={rows} filter={filter} selected={selected} select={select} theme={theme} />
        </figure>
      ))}
      <HostLine host={host} />
    </div>
  );
}

/** Always there, so that the page does not move when a host is pointed at. */
function HostLine({ host }: { host: HostRow | null }) {
  const now = useNow(5000);
  if (host === null) return <p className="bbcd-hostline bbcd-muted">Point at a host, or move with the arrow keys, to see what is known of it.</p>;
  return (
    <p className="bbcd-hostline" aria-live="polite">
      <b>{host.host}</b> {host.address !== '' && host.address !== host.host && <code>{host.address}</code>} <span className="bbcd-muted">{host.role}</span>{' '}
      {labelOf(host.mark)}, {host.phase.replace(/_/g, ' ')} {host.at > 0 && <span className="bbcd-muted">{ago(host.at, now)}</span>}
      <br />
      {host.error !== '' ? <span className="bbcd-error">{host.error}</span> : <Way host={host} />}
    </p>
  );
}

function Way({ host }: { host: HostRow }) {
  return (
    <span className="bbcd-muted">
      carries <code>{host.observed || 'nothing known'}</code>
      {host.desired !== host.observed && (
        <>
          , is to carry <code>{host.desired || 'anything'}</code>
        </>
      )}
    </span>
  );
}

const labelOf = (mark: Mark): string => MARKS.find((one) => one.mark === mark)?.label ?? mark;
const ROWS = 200;

function HostTable({ rows }: { rows: HostRow[] }) {
  const theme = useTheme();
  const [limit, setLimit] = useState(ROWS);
  const order = MARKS.map((one) => one.mark);
  const sorted = [...rows].sort((a, b) => order.indexOf(a.mark) - order.indexOf(b.mark));
  return (
    <div className="bbcd-scroll">
      <table className="bbcd-table bbcd-hosts">
        <Columns names={['Host', 'State', 'Stage', 'Role', 'Carries', 'Before', 'What is wrong']} />
        <tbody>
          {sorted.slice(0, limit).map((row) => (
            <tr key={row.host}>
              <th scope="row">{row.host}</th>
              <td className="bbcd-state">
                <MarkSign mark={row.mark} theme={theme} /> {labelOf(row.mark)}
              </td>
              <td>{row.stage}</td>
              <td>{row.role}</td>
              <td>
                <code>{row.observed || '–'}</code>
              </td>
              <td>
                <code>{row.previous || '–'}</code>
              </td>
              <td className="bbcd-error">{row.error}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > limit && (
        <p className="bbcd-more">
          <button type="button" className="bbcd-button" onClick={() => setLimit(limit + 600)}>
            Show {Math.min(600, sorted.length - limit)} more
          </button>
        </p>
      )}
    </div>
  );
}
