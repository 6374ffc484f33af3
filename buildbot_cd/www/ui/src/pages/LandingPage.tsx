// SPDX-License-Identifier: GPL-2.0-only
// One landing: what it waits for, the evidence against it, its way, its tests, its rollouts, its builds.
import React from 'react';
import { Link, useParams } from 'react-router-dom';
import type { Effect, Gate, Landing, Rollout, Run, Transition } from '../api/types';
import { useResource } from '../api/useResource';
import { landingActions } from '../model/actions';
import { ago, clock, duration, inRange, person, short } from '../model/format';
import { evidenceOf, legsOf, type Evidence } from '../model/landing';
import { landingLook } from '../model/states';
import { sentence } from '../model/now';
import { Actions } from '../parts/Actions';
import { Effects } from '../parts/BuildLinks';
import { Empty, Loaded } from '../parts/feedback';
import { RolloutBadge, Sign } from '../parts/Mark';
import { RunPanel } from '../parts/RunPanel';
import { Panel, Shell } from '../parts/Shell';
import { Timeline } from '../parts/Timeline';
import { useNow } from '../parts/useNow';

export function LandingPage() {
  const id = Number(useParams().id);
  const landings = useResource<Landing>(`cd/landings/${id}`, 'landings', [`cd/landings/${id}/*`, 'cd/gates/*/moved']);
  return (
    <Shell title={`Landing ${id}`}>
      <Loaded from={landings} lines={6}>
        {([landing]) => (landing === undefined ? <Empty title="No such landing" /> : <One key={id} landing={landing} reload={landings.reload} />)}
      </Loaded>
    </Shell>
  );
}

function One({ landing, reload }: { landing: Landing; reload: () => void }) {
  const at = `cd/landings/${landing.id}`;
  const events = [`${at}/*`];
  const transitions = useResource<Transition>(`${at}/transitions`, 'transitions', events);
  const runs = useResource<Run>(`${at}/runs`, 'runs', [...events, ...(landing.open ? ['cd/runs/*/updated'] : [])]);
  const rollouts = useResource<Rollout>(`${at}/rollouts`, 'rollouts', [...events, 'cd/rollouts/*/*']);
  const effects = useResource<Effect>(`${at}/effects`, 'effects', events);
  const gates = useResource<Gate>(landing.open ? `cd/gates/${encodeURIComponent(landing.gate)}` : null, 'gates');
  const evidence = evidenceOf(landing);
  const rollout = rollouts.data?.at(-1) ?? null;
  const now = useNow(1000);
  return (
    <>
      <Head landing={landing} rollout={rollout} live={gates.data?.[0]?.live ?? null} reload={reload} />
      {evidence !== null && <EvidencePanel evidence={evidence} landing={landing} />}
      <Panel title="Its way" note={total(landing, now)}>
        <Loaded from={transitions}>{(all) => <Timeline legs={legsOf(all, landing.open, now)} />}</Loaded>
      </Panel>
      {(rollouts.data?.length ?? 0) > 0 && (
        <Panel title="Rollouts">
          <ul className="bbcd-list">
            {rollouts.data?.map((one) => (
              <li key={one.id}>
                <Link to={`/cd/rollouts/${one.id}`}>
                  Rollout {one.id} of <code>{one.release}</code>
                </Link>
                <RolloutBadge state={one.state} />
                <span className="bbcd-muted bbcd-num bbcd-when">{ago(one.started_at, now)}</span>
                {one.reason !== '' && <p className="bbcd-reason">{one.reason}</p>}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Loaded from={runs}>
        {(all) => (
          <>
            {[...all].reverse().map((run) => (
              <RunPanel key={run.id} run={run} />
            ))}
          </>
        )}
      </Loaded>
      <Commits landing={landing} />
      <Panel title="What was done for it">
        <Loaded from={effects}>{(all) => (all.length === 0 ? <Empty title="Nothing yet" /> : <Effects effects={all} />)}</Loaded>
      </Panel>
    </>
  );
}

function total(landing: Landing, now: number): string {
  return landing.open ? `${duration(now - landing.queued_at)} since the push` : `${duration(landing.since - landing.queued_at)} from push to end`;
}

function Head({ landing, rollout, live, reload }: { landing: Landing; rollout: Rollout | null; live: string | null; reload: () => void }) {
  const now = useNow(5000);
  const { label, tone } = landingLook(landing.state);
  const wait = landing.waiting;
  return (
    <section className={`bbcd-banner bbcd-tone-${tone}`} aria-label="Landing">
      <Sign tone={tone} size={26} />
      <div className="bbcd-banner-text">
        <p className="bbcd-answer" aria-live="polite">
          {label}
          {wait?.position ? `, place ${wait.position} in the queue` : ''}
        </p>
        <h1>{landing.subject || 'no subject'}</h1>
        <p>
          #{landing.id} · {person(landing.engineer)} · pushed {clock(landing.queued_at, now)}
          {landing.attempt > 1 && ` · candidate ${landing.attempt}`}
        </p>
        {wait !== null && (
          <p className="bbcd-waits">
            {sentence(wait.why)} {wait.turn !== null && `Its turn ${inRange(wait.turn, now)}. `}
            {wait.eta !== null && `Live ${inRange(wait.eta, now)}.`}
          </p>
        )}
      </div>
      <Actions actions={landingActions(landing, rollout, live)} done={reload} />
    </section>
  );
}

function EvidencePanel({ evidence, landing }: { evidence: Evidence; landing: Landing }) {
  return (
    <Panel title={evidence.title} className="bbcd-evidence">
      <div className="bbcd-body">
        {evidence.why !== '' && <p>{sentence(evidence.why)}</p>}
        {evidence.items.length > 0 && (
          <ul className="bbcd-culprits">
            {evidence.items.map((item) => (
              <li key={item}>
                <Sign tone="bad" size={13} /> <code>{item}</code>
              </li>
            ))}
          </ul>
        )}
        {landing.cause !== null && (
          <p>
            Because of <Link to={`/cd/landings/${landing.cause}`}>#{landing.cause}</Link>.
          </p>
        )}
        {evidence.next.map((step) => (
          <p key={step} className="bbcd-muted">
            {step}
          </p>
        ))}
      </div>
    </Panel>
  );
}

function Commits({ landing }: { landing: Landing }) {
  return (
    <Panel title="The change">
      {landing.message !== '' && <pre className="bbcd-message">{landing.message}</pre>}
      <dl className="bbcd-facts bbcd-flat">
        <dt>Commits</dt>
        <dd>
          <code>
            {short(landing.base)}..{short(landing.head)}
          </code>
        </dd>
        {landing.candidate !== null && (
          <>
            <dt>Tested as</dt>
            <dd>
              <code>{short(landing.candidate)}</code> {landing.candidate === landing.head && <span className="bbcd-muted">the pushed commit itself</span>}
            </dd>
          </>
        )}
        {landing.revert !== null && (
          <>
            <dt>Taken back by</dt>
            <dd>
              <code>{short(landing.revert)}</code>
            </dd>
          </>
        )}
      </dl>
    </Panel>
  );
}
