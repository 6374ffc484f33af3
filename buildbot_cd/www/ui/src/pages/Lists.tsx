// SPDX-License-Identifier: GPL-2.0-only
// All landings and all rollouts, newest first, in pages.
import React, { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import type { Landing, Rollout } from '../api/types';
import { useResource } from '../api/useResource';
import { ago, count, duration } from '../model/format';
import { landingLook, rolloutLook } from '../model/states';
import { Empty, Loaded } from '../parts/feedback';
import { LandingLine } from '../parts/LandingLine';
import { LandingBadge, RolloutBadge } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';
import { useNow } from '../parts/useNow';

const PAGE = 50;
const LANDING_STATES = ['queued', 'testing', 'confirming', 'infra_hold', 'passed', 'deploying', 'settling', 'rolling_back', 'reverting', 'halted', 'live', 'reverted', 'bypassed'];
const ROLLOUT_STATES = ['staging', 'switching', 'watching', 'rolling_back', 'done', 'rolled_back', 'failed'];

/** A page begins below the id that it carries in the address; so it can be sent to somebody. */
function usePages(): { state: string; engineer: string; query: string; go: (changes: Record<string, string>) => void; params: URLSearchParams } {
  const [params, setParams] = useSearchParams();
  const go = (changes: Record<string, string>) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) {
      if (value === '') next.delete(name);
      else next.set(name, value);
    }
    setParams(next);
  };
  const state = params.get('state') ?? '';
  const engineer = params.get('engineer') ?? '';
  const parts = [`limit=${PAGE}`];
  if (state !== '') parts.push(`state=${encodeURIComponent(state)}`);
  if (engineer !== '') parts.push(`engineer=${encodeURIComponent(engineer)}`);
  const below = Number(params.get('below') ?? '');
  if (below > 0) parts.push(`id__lt=${below}`);
  return { state, engineer, query: parts.join('&'), go, params };
}

export function Landings() {
  const { state, engineer, query, go, params } = usePages();
  const landings = useResource<Landing>(`cd/landings?${query}`, 'landings', ['cd/landings/*/*']);
  return (
    <Shell title="Landings">
      <Panel title="Landings" note={total(landings.total)} aside={<Filters states={LANDING_STATES} label={(one) => landingLook(one).label} state={state} engineer={engineer} go={go} />}>
        <Loaded from={landings} lines={8}>
          {(all) => <LandingList landings={all} filtered={state !== '' || engineer !== ''} />}
        </Loaded>
        <Pager rows={landings.data ?? []} go={go} below={params.get('below')} />
      </Panel>
    </Shell>
  );
}

export function LandingList({ landings, filtered }: { landings: Landing[]; filtered: boolean }) {
  const now = useNow(10_000);
  if (landings.length === 0) {
    return <Empty title={filtered ? 'No landing matches' : 'No landing yet'}>{!filtered && <p>A push to trunk shows up here within seconds.</p>}</Empty>;
  }
  return (
    <ul className="bbcd-list">
      {landings.map((landing) => (
        <li key={landing.id}>
          <LandingLine landing={landing}>{!landing.open && ` · ${duration(landing.since - landing.queued_at)}`}</LandingLine>
          <LandingBadge state={landing.state} />
          <span className="bbcd-muted bbcd-num bbcd-when">{ago(landing.since, now)}</span>
          {(landing.waiting?.why || landing.reason) && landing.state !== 'live' && <p className="bbcd-reason">{landing.waiting?.why || landing.reason}</p>}
        </li>
      ))}
    </ul>
  );
}

export function Rollouts() {
  const { state, query, go, params } = usePages();
  const rollouts = useResource<Rollout>(`cd/rollouts?${query}`, 'rollouts', ['cd/rollouts/*/*']);
  const now = useNow(10_000);
  return (
    <Shell title="Rollouts">
      <Panel title="Rollouts" note={total(rollouts.total)} aside={<Filters states={ROLLOUT_STATES} label={(one) => rolloutLook(one).label} state={state} engineer={null} go={go} />}>
        <Loaded from={rollouts} lines={8}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={state !== '' ? 'No rollout matches' : 'No rollout yet'}>{state === '' && <p>The first landing that passes its tests starts one.</p>}</Empty>
            ) : (
              <ul className="bbcd-list">
                {all.map((one) => (
                  <li key={one.id}>
                    <span className="bbcd-landing-text">
                      <Link to={`/cd/rollouts/${one.id}`} className="bbcd-subject">
                        {one.release}
                      </Link>
                      <span className="bbcd-muted">
                        rollout {one.id}
                        {one.landing !== null && (
                          <>
                            {' of '}
                            <Link to={`/cd/landings/${one.landing}`}>#{one.landing}</Link>
                          </>
                        )}{' '}
                        · {count(one.size, 'host')} · {one.ended_at === null ? `stage ${one.stage || 'copy'}` : duration(one.ended_at - one.started_at)}
                      </span>
                    </span>
                    <RolloutBadge state={one.state} />
                    <span className="bbcd-muted bbcd-num bbcd-when">{ago(one.started_at, now)}</span>
                    {one.reason !== '' && <p className="bbcd-reason">{one.reason}</p>}
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
        <Pager rows={rollouts.data ?? []} go={go} below={params.get('below')} />
      </Panel>
    </Shell>
  );
}

const total = (n: number | null): string => (n === null ? '' : n.toLocaleString('en'));

function Filters(props: { states: string[]; label: (state: string) => string; state: string; engineer: string | null; go: (changes: Record<string, string>) => void }) {
  const [typed, setTyped] = useState(props.engineer ?? '');
  return (
    <form
      className="bbcd-aside"
      onSubmit={(event) => {
        event.preventDefault();
        props.go({ engineer: typed.trim(), below: '' });
      }}
    >
      {props.engineer !== null && (
        <input type="search" data-bbcd-filter="" placeholder="Address, then Enter ( / )" aria-label="Landings of this address" value={typed} onChange={(event) => setTyped(event.target.value)} />
      )}
      <select aria-label="State" value={props.state} onChange={(event) => props.go({ state: event.target.value, below: '' })}>
        <option value="">all states</option>
        {props.states.map((state) => (
          <option key={state} value={state}>
            {props.label(state)}
          </option>
        ))}
      </select>
    </form>
  );
}

function Pager({ rows, go, below }: { rows: { id: number }[]; go: (changes: Record<string, string>) => void; below: string | null }) {
  const last = rows.at(-1);
  const older = rows.length === PAGE && last !== undefined;
  if (!older && below === null) return null;
  return (
    <div className="bbcd-pager">
      {below !== null && (
        <button type="button" className="bbcd-button" onClick={() => go({ below: '' })}>
          Newest
        </button>
      )}
      {older && (
        <button type="button" className="bbcd-button" onClick={() => go({ below: String(last.id) })}>
          Older
        </button>
      )}
    </div>
  );
}
