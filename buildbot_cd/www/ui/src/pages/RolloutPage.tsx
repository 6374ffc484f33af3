// SPDX-License-Identifier: GPL-2.0-only
// One release on its way over the fleet: the verdict, the steps, the hosts, the metrics.
import React from 'react';
import { Link, useParams } from 'react-router-dom';
import { useFleet, useSamples } from '../api/useFleet';
import type { Landing, Rollout, Sample, Verdict } from '../api/types';
import { useResource, type Resource } from '../api/useResource';
import { rolloutActions } from '../model/actions';
import { change, clock, clockSeconds, count, duration, figure, short } from '../model/format';
import { countMarks, type FleetModel } from '../model/fleet';
import { sentence } from '../model/now';
import { headlineOf, metricsOf, stepsOf, timeLeft, type MetricView } from '../model/rollout';
import { rolloutLook, verdictLook } from '../model/states';
import { Actions } from '../parts/Actions';
import { Chart } from '../parts/Chart';
import { Empty, Loaded } from '../parts/feedback';
import { FleetPanel } from '../parts/FleetPanel';
import { LandingLine } from '../parts/LandingLine';
import { Badge, Sign } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';
import { useNow } from '../parts/useNow';
import { useTheme } from '../parts/useTheme';

export function RolloutPage() {
  const id = Number(useParams().id);
  const rollouts = useResource<Rollout>(`cd/rollouts/${id}`, 'rollouts', [`cd/rollouts/${id}/*`]);
  const fleet = useFleet(id);
  // What is looked at first comes first: the rollout with its newest verdict, and the hosts.
  const rest = fleet[0].data !== null || fleet[0].error !== null;
  const parts = {
    verdicts: useResource<Verdict>(rest ? `cd/rollouts/${id}/verdicts` : null, 'verdicts', [`cd/rollouts/${id}/verdict`]),
    fleet,
    samples: useSamples(id, rest),
  };
  return (
    <Shell title={`Rollout ${id}`}>
      <Loaded from={rollouts} lines={6}>
        {([rollout]) => (rollout === undefined ? <Empty title="No such rollout" /> : <One key={id} rollout={rollout} parts={parts} reload={rollouts.reload} />)}
      </Loaded>
    </Shell>
  );
}

interface Parts {
  verdicts: Resource<Verdict>;
  fleet: ReturnType<typeof useFleet>;
  samples: ReturnType<typeof useSamples>;
}

function One({ rollout, parts, reload }: { rollout: Rollout; parts: Parts; reload: () => void }) {
  const [looks, samples] = parts.samples;
  const [fleet, model] = parts.fleet;
  const verdicts = parts.verdicts.data ?? NONE;
  const later = useLater(rollout);
  const more = later === null ? <Left rollout={rollout} samples={samples} /> : <Link to={`/cd/rollouts/${later.id}`}>To rollout {later.id}</Link>;
  return (
    <>
      <Head rollout={rollout} model={model} verdicts={verdicts} later={later} more={more} reload={reload} />
      <Steps rollout={rollout} />
      <FleetPanel read={fleet} model={model} />
      <Metrics rollout={rollout} verdicts={verdicts} looks={looks} samples={samples} />
      <Verdicts read={parts.verdicts} />
      <Facts rollout={rollout} />
    </>
  );
}

const NONE: Verdict[] = [];

/** The rollout that takes back what this one has ended with; null if there is none. */
function useLater({ id, landing, state }: Rollout): Rollout | null {
  const path = state === 'done' && landing !== null ? `cd/rollouts?landing=${landing}&limit=1` : null;
  const newest = useResource<Rollout>(path, 'rollouts', ['cd/rollouts/*/*']).data?.[0];
  return newest !== undefined && newest.id > id ? newest : null;
}

interface Known {
  rollout: Rollout;
  model: FleetModel | null;
  verdicts: Verdict[];
  later: Rollout | null;
  more: React.ReactNode;
  reload: () => void;
}

function Head(props: Known) {
  const { model } = props;
  const rollout = model === null ? props.rollout : { ...props.rollout, marks: countMarks(model.hosts.values()) };
  const head = headlineOf(rollout, props.verdicts, props.later);
  const to = [...new Set([...(model?.hosts.values() ?? [])].map((row) => row.previous).filter((name) => name !== '' && name !== rollout.release))];
  return (
    <section className={`bbcd-banner bbcd-tone-${head.tone}`} aria-label="Verdict">
      <Sign tone={head.tone} size={26} />
      <div className="bbcd-banner-text">
        <p className="bbcd-answer">
          Rollout {rollout.id} of {rollout.release} · {rolloutLook(rollout.state).label}
        </p>
        <h1 aria-live="polite">{head.title}</h1>
        <p>
          {sentence(head.detail)} {props.more}
        </p>
      </div>
      <Actions actions={rolloutActions(rollout, to)} done={props.reload} />
    </section>
  );
}

function Left({ rollout, samples }: { rollout: Rollout; samples: Parameters<typeof timeLeft>[1] }) {
  const now = useNow(1000);
  const left = timeLeft(rollout, samples, now);
  return left === null ? null : <span className="bbcd-num">About {duration(left)} of this watch left.</span>;
}

const STEP_TONE = { done: 'good', now: 'busy', back: 'back', next: 'idle', never: 'idle' } as const;

// Hosts change several times a second, which is no news for the parts below.

const Steps = React.memo(function Steps({ rollout }: { rollout: Rollout }) {
  return (
    <ol className="bbcd-steps" aria-label="Stages">
      {stepsOf(rollout).map((step) => (
        <li key={step.name} className={`bbcd-tone-${STEP_TONE[step.state]} bbcd-step-${step.state}`} aria-current={step.state === 'now' || step.state === 'back' ? 'step' : undefined}>
          <Sign tone={STEP_TONE[step.state]} size={15} />
          <b>{step.name}</b>
          <span className="bbcd-muted">{step.state === 'never' ? 'not reached' : step.note}</span>
        </li>
      ))}
    </ol>
  );
});

interface Seen {
  rollout: Rollout;
  verdicts: Verdict[];
  looks: Resource<Sample>;
  samples: Sample[];
}

const Metrics = React.memo(function Metrics({ rollout, verdicts, looks, samples }: Seen) {
  const stage = rollout.stage || (samples.at(-1)?.stage ?? '');
  const views = metricsOf(samples, stage, verdicts.at(-1)?.culprits ?? []);
  return (
    <Panel title="Metrics" note={views.length > 0 ? `canaries against control, stage ${stage}` : undefined}>
      <Loaded from={looks} lines={5}>
        {() =>
          views.length === 0 ? (
            <Empty title={rollout.open ? 'Nothing has been seen yet' : 'No looks are kept of this watch'}>
              <p>{rollout.open ? 'The judge looks once the first stage has switched.' : 'They are there for as long as Buildbot keeps the log of the watch.'}</p>
            </Empty>
          ) : (
            <div className="bbcd-metrics">
              {views.map((view) => (
                <MetricCard key={view.name} view={view} />
              ))}
            </div>
          )
        }
      </Loaded>
    </Panel>
  );
});

function MetricCard({ view }: { view: MetricView }) {
  const theme = useTheme();
  const { last } = view;
  return (
    <article className="bbcd-metric">
      <header>
        <h3>{view.name}</h3>
        <Badge tone={view.tone} label={change(last.ratio)} />
        <span className="bbcd-muted">{view.says}</span>
      </header>
      <p className="bbcd-key">
        <span className={view.tone === 'bad' ? 'bbcd-key-bad' : 'bbcd-key-canary'}>canaries {figure(last.canary)}</span>
        <span className="bbcd-key-control">control {figure(last.control)}</span>
      </p>
      <Chart
        label={`${view.name} over time: canaries ${figure(last.canary)}, control ${figure(last.control)}`}
        times={view.times}
        theme={theme}
        lines={[
          { label: 'canaries', values: view.canary, tone: view.tone === 'bad' ? 'bad' : 'busy' },
          { label: 'control', values: view.control, tone: 'idle', dashed: true },
        ]}
      />
      <p className="bbcd-key">
        <span>canaries / control so far</span>
        <span className="bbcd-key-band">too small to be seen in this watch</span>
      </p>
      <Chart
        label={`${view.name}: canaries against control so far, ${change(last.ratio)}`}
        times={view.times}
        theme={theme}
        height={84}
        level={1}
        format={(value) => `×${figure(value)}`}
        band={{ low: view.blindLow, high: view.blindHigh }}
        lines={[{ label: 'ratio', values: view.ratio, tone: view.tone === 'bad' ? 'bad' : 'busy' }]}
      />
      <Evidence view={view} />
    </article>
  );
}

function Evidence({ view }: { view: MetricView }) {
  const share = Math.round(view.evidence * 100);
  return (
    <div className={`bbcd-bar bbcd-tone-${view.tone}`}>
      <div className="bbcd-bar-track" role="meter" aria-label={`Evidence of harm in ${view.name}`} aria-valuenow={share} aria-valuemin={0} aria-valuemax={100}>
        <span style={{ width: `${share}%` }} />
      </div>
      <span className="bbcd-bar-label bbcd-num">
        evidence of harm: {share} % of a proof · {count(view.looks, 'look')}, {view.readings.toLocaleString('en')} counted
        {view.gaps > 0 && `, ${count(view.gaps, 'gap')}`}
      </span>
    </div>
  );
}

const Verdicts = React.memo(function Verdicts({ read }: { read: Resource<Verdict> }) {
  return (
    <Panel title="Verdicts">
      <Loaded from={read} lines={2}>
        {(all) => (all.length === 0 ? <Empty title="No verdict yet" /> : <Decided verdicts={all} />)}
      </Loaded>
    </Panel>
  );
});

function Decided({ verdicts }: { verdicts: Verdict[] }) {
  return (
    <ul className="bbcd-list">
      {[...verdicts].reverse().map((one) => (
        <li key={one.id} className="bbcd-verdict">
          <span>
            {one.reason} <span className="bbcd-muted">{one.stage}</span>
          </span>
          <Badge {...verdictLook(one.kind)} />
          <span className="bbcd-muted bbcd-num bbcd-when">{clockSeconds(one.at)}</span>
        </li>
      ))}
    </ul>
  );
}

const Facts = React.memo(function Facts({ rollout }: { rollout: Rollout }) {
  const now = useNow(10_000);
  const landings = useResource<Landing>(rollout.landing === null ? null : `cd/landings/${rollout.landing}`, 'landings');
  const landing = landings.data?.[0];
  return (
    <Panel title="About this rollout">
      {landing !== undefined && (
        <div className="bbcd-body">
          <LandingLine landing={landing} />
        </div>
      )}
      <dl className="bbcd-facts bbcd-flat">
        <dt>Release</dt>
        <dd>
          <code>{rollout.release}</code>
        </dd>
        <dt>Revision</dt>
        <dd>
          <code>{short(rollout.candidate)}</code>
        </dd>
        <dt>Started</dt>
        <dd>
          {clock(rollout.started_at, now)}, {rollout.ended_at === null ? `${duration(now - rollout.started_at)} ago` : `took ${duration(rollout.ended_at - rollout.started_at)}`}
        </dd>
        <dt>Fencing number</dt>
        <dd>{rollout.fence}</dd>
        <dt>Canaries chosen by seed</dt>
        <dd>{rollout.seed}</dd>
        {rollout.landing !== null && landing === undefined && (
          <>
            <dt>Landing</dt>
            <dd>
              <Link to={`/cd/landings/${rollout.landing}`}>#{rollout.landing}</Link>
            </dd>
          </>
        )}
      </dl>
    </Panel>
  );
});
