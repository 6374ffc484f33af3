// SPDX-License-Identifier: GPL-2.0-only
// All tests of a gate over many runs: the slowest, flakiest, stalest, and those that nothing ever selects; filtered by name.
import React, { useRef, useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import type { SuiteTest } from '../api/types';
import { useResource, type Resource } from '../api/useResource';
import { ago, count, duration, utcDay } from '../model/format';
import { nameOf, suitePath, viewOf, VIEWS, type View } from '../model/suite';
import { Empty, Loaded } from './feedback';
import { Badge } from './Mark';
import { Panel } from './Shell';
import { useNow } from './useNow';
import { useSettled } from './useSettled';

const ROWS = 25;

export function SuitePanel({ gate, runs }: { gate: string; runs: number }) {
  const [params, setParams] = useSearchParams();
  const view = viewOf(params.get('by'));
  const [text, setText] = useState('');
  const [limit, setLimit] = useState(ROWS);
  const words = useSettled(text.trim());
  const found = useKept(useResource<SuiteTest>(suitePath(gate, view, words, limit), 'suite', ['cd/gates/*/moved'], 5000));
  const look = (key: string) => {
    params.set('by', key);
    setParams(params, { replace: true });
    setLimit(ROWS);
  };
  return (
    <Panel
      title="All tests"
      note={<span aria-live="polite">{found.total === null ? '' : saysTotal(found.total, view, words)}</span>}
      aside={
        <>
          <input type="search" data-bbcd-filter="" placeholder="Filter tests ( / )" aria-label="Filter tests" maxLength={200} value={text} onChange={(event) => setText(event.target.value)} />
          <div className="bbcd-switch bbcd-views" role="group" aria-label="Show first">
            {VIEWS.map(({ key, label }) => (
              <button key={key} type="button" aria-pressed={view.key === key} onClick={() => look(key)}>
                {label}
              </button>
            ))}
          </div>
        </>
      }
    >
      <Loaded from={found} lines={8}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={words === '' ? view.empty : 'No test matches this filter'} />
          ) : (
            <>
              <Rows rows={rows} view={view} runs={runs} />
              {found.total !== null && found.total > rows.length && (
                <p className="bbcd-more">
                  <button type="button" className="bbcd-button" onClick={() => setLimit(limit + 4 * ROWS)}>
                    Show {Math.min(4 * ROWS, found.total - rows.length)} more
                  </button>
                </p>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function saysTotal(total: number, view: View, words: string): string {
  const tests = count(total, 'test');
  if (words !== '') return `${tests} with “${words}” in the name`;
  return view.key === 'flakiest' ? `${tests} failed and passed elsewhere on the same landing, in 30 days` : tests;
}

/** While other rows are read, those that are there stay. */
function useKept(fresh: Resource<SuiteTest>): Resource<SuiteTest> {
  const last = useRef(fresh);
  if (fresh.data !== null || fresh.error !== null) last.current = fresh;
  return fresh.data === null && fresh.error === null ? { ...last.current, error: null } : fresh;
}

const COLUMNS: { key: keyof SuiteTest; name: string }[] = [
  { key: 'seconds', name: 'Takes' },
  { key: 'selected', name: 'Selected' },
  { key: 'failed', name: 'Failed' },
  { key: 'flakes', name: 'Flakes' },
  { key: 'passed_at', name: 'Last passed' },
];

function Rows({ rows, view, runs }: { rows: SuiteTest[]; view: View; runs: number }) {
  const now = useNow(60_000);
  const longest = Math.max(...rows.map((one) => one.seconds ?? 0), 0.001);
  return (
    <div className="bbcd-scroll" tabIndex={0} role="region" aria-label={`Tests, ${view.label.toLowerCase()} first`}>
      <table className="bbcd-table bbcd-dense bbcd-suite">
        <thead>
          <tr>
            <th scope="col">Test</th>
            {COLUMNS.map(({ key, name }) => (
              <th key={key} scope="col" aria-sort={key === view.column ? (key === 'passed_at' ? 'ascending' : 'descending') : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.nid}>
              <th scope="row">
                <Name nid={one.nid} />
                {one.quarantined_until !== null && <Badge tone="warn" label={`in quarantine until ${utcDay(one.quarantined_until)}`} />}
              </th>
              <td className="bbcd-took" data-name="takes">
                <div className="bbcd-gauge">
                  <span className="bbcd-span" aria-hidden="true">
                    <i style={{ width: `${((one.seconds ?? 0) / longest) * 100}%` }} />
                  </span>
                  <span className="bbcd-num">{one.seconds === null ? 'not known' : seconds(one.seconds)}</span>
                </div>
              </td>
              <td className="bbcd-num" data-name="selected">
                {one.selected === 0 ? 'never' : `${one.selected} of ${runs}`}
              </td>
              <td className={`bbcd-num ${one.failed > 0 ? 'bbcd-error' : 'bbcd-muted'}`} data-name="failed">
                {one.failed}
              </td>
              <td className={`bbcd-num ${one.flakes > 0 ? '' : 'bbcd-muted'}`} data-name="flakes" title={one.flakes > 0 ? `${(one.flake_rate * 100).toPrecision(2)} % of its runs` : undefined}>
                {one.flakes}
              </td>
              <td className="bbcd-num" data-name="passed">
                {one.passed_at === null ? 'never' : ago(one.passed_at, now)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Name({ nid }: { nid: string }) {
  const { place, name } = nameOf(nid);
  return (
    <code title={nid}>
      {place !== '' && <span className="bbcd-muted">{place} </span>}
      {name}
    </code>
  );
}

const seconds = (value: number): string => (value < 10 ? `${value.toPrecision(2)} s` : duration(value));
