// SPDX-License-Identifier: GPL-2.0-only
// What was learnt of all tests together: what a budget of minutes finds, how many workers do, which rules are missing.
import React from 'react';
import { Link } from 'react-router-dom';
import type { Capacity, Escape, Learnt } from '../api/types';
import { useResource } from '../api/useResource';
import { count, duration, percent } from '../model/format';
import { capacitySays, rulesOf, sharesOf, type Rule } from '../model/suite';
import { Chart } from './Chart';
import { CopyText } from './CopyText';
import { Empty, Loaded } from './feedback';
import { Badge, Sign } from './Mark';
import { Panel } from './Shell';
import { Name } from './SuitePanel';
import { useTheme } from './useTheme';

export function CurvePanel({ learnt }: { learnt: Learnt }) {
  const theme = useTheme();
  const curve = learnt.curve.map((one) => ({ ...one, minutes: one.seconds / 60 }));
  return (
    <Panel title="What a few minutes find" note={learnt.failures > 0 ? `of ${count(learnt.failures, 'confirmed failure')} in a year` : undefined}>
      {learnt.failures === 0 ? (
        <Empty title="No confirmed failure is on record yet">
          <p>With the first one this shows what share of them the likeliest tests would have found in 1, 4, 8 and 12 minutes.</p>
        </Empty>
      ) : (
        <div className="bbcd-body">
          <ul className="bbcd-shares">
            {sharesOf(learnt).map(({ minutes, share }) => (
              <li key={minutes}>
                <b className="bbcd-num">{percent(share)}</b>
                <span className="bbcd-muted">in {minutes} min</span>
              </li>
            ))}
          </ul>
          <Chart
            label={`Share of past failures found by minutes: ${curve.map((one) => `${one.minutes} min ${percent(one.share)}`).join(', ')}`}
            times={curve.map((one) => one.minutes)}
            lines={[{ label: 'found', values: curve.map((one) => one.share), tone: 'busy' }]}
            level={1}
            height={170}
            format={(value) => percent(value)}
            along={(value) => `${value} min`}
            steps={{ along: WHOLE }}
            theme={theme}
          />
        </div>
      )}
    </Panel>
  );
}

export function CapacityPanel({ gate }: { gate: string }) {
  const capacity = useResource<Capacity>(`cd/gates/${encodeURIComponent(gate)}/capacity`, 'capacity');
  return (
    <Panel title="How many workers" note={capacity.data?.[0] && `${count(capacity.data[0].runs, 'run')}, played again`}>
      <Loaded from={capacity} lines={6}>
        {([found]) => (found === undefined || found.tried.length === 0 ? <Empty title="No run has ended yet" /> : <Workers capacity={found} />)}
      </Loaded>
    </Panel>
  );
}

function Workers({ capacity }: { capacity: Capacity }) {
  const theme = useTheme();
  const { tried, today, split } = capacity;
  const now = tried.find((one) => one.workers === today);
  return (
    <div className="bbcd-body bbcd-capacity">
      <p className="bbcd-says">
        <Sign tone={capacity.workers === null || capacity.workers > today ? 'warn' : 'good'} size={15} /> {capacitySays(capacity)}
      </p>
      {now !== undefined && (
        <p className="bbcd-muted">
          Today {count(today, 'worker')}: half of the runs within {duration(now.p50)}, 95 of 100 within {duration(now.p95)}.
        </p>
      )}
      <Chart
        label={`Length of a run by workers, 95th percentile: ${tried.map((one) => `${one.workers} ${duration(one.p95)}`).join(', ')}`}
        times={tried.map((one) => one.workers)}
        lines={[
          { label: '95 %', values: tried.map((one) => one.p95), tone: 'busy' },
          { label: 'median', values: tried.map((one) => one.p50), tone: 'idle', dashed: true },
        ]}
        level={capacity.budget}
        height={170}
        format={minutesOrSeconds}
        along={String}
        steps={{ along: WHOLE, up: PARTS_OF_TIME }}
        theme={theme}
      />
      <p className="bbcd-key">
        <span className="bbcd-key-canary">95 of 100 runs</span>
        <span className="bbcd-key-control">median</span>
        <span className="bbcd-key-level">budget {duration(capacity.budget)}</span>
        <span>along: workers</span>
      </p>
      {split.length > 0 && (
        <>
          <h3>Split first</h3>
          <ul className="bbcd-split">
            {split.map((one) => (
              <li key={one.nid}>
                <Name nid={one.nid} />
                <span className="bbcd-muted">
                  {duration(one.seconds)}; in two, a run gains {duration(one.gain)}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

/** Workers and minutes come in whole numbers. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100];
/** Seconds between marks, as a clock has them. */
const PARTS_OF_TIME = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
/** Short enough for an axis. */
const minutesOrSeconds = (value: number): string => (value !== 0 && value % 60 === 0 ? `${value / 60} min` : `${Number(value.toFixed(1))} s`);

export function RulesPanel({ gate }: { gate: string }) {
  const escapes = useResource<Escape>(`cd/escapes?gate=${encodeURIComponent(gate)}`, 'escapes');
  return (
    <Panel title="Proposed rules" note="each would have run a test that the gate missed">
      <Loaded from={escapes} lines={3}>
        {(all) => {
          const rules = rulesOf(all);
          if (rules.length > 0) return rules.map((one) => <Proposal key={one.rule} rule={one} />);
          return <Empty title={all.length === 0 ? 'Nothing that the gate let through has failed since' : 'No rule would have told'} />;
        }}
      </Loaded>
    </Panel>
  );
}

function Proposal({ rule }: { rule: Rule }) {
  const landings = [...new Set(rule.escapes.flatMap((one) => (one.culprit === null ? [] : [one.culprit])))];
  const tests = [...new Set(rule.escapes.map((one) => one.test))];
  return (
    <details className="bbcd-rule">
      <summary>
        <code>{rule.rule}</code> <Badge tone="warn" label={count(rule.escapes.length, 'escape')} />
      </summary>
      <div className="bbcd-body">
        <p className="bbcd-muted">
          {rule.tag === '' ? 'The test carries no tag: the rule says what it reads.' : `Tag ${rule.tag} was not declared.`} Missed:{' '}
          {tests.map((nid, i) => (
            <React.Fragment key={nid}>
              {i > 0 && ', '}
              <Name nid={nid} />
            </React.Fragment>
          ))}
          {landings.length > 0 && ', broken by '}
          {landings.map((id) => (
            <Link key={id} to={`/cd/landings/${id}`}>
              #{id}{' '}
            </Link>
          ))}
        </p>
        {rule.patch === '' ? <p>The repository’s file is written so that no line can be added: add the rule by hand.</p> : <CopyText text={rule.patch} label={`Patch for ${rule.rule}`} />}
      </div>
    </details>
  );
}
