// SPDX-License-Identifier: GPL-2.0-only
// What was done for a landing, with links to Buildbot's own pages of the builds and their logs.
import React, { useEffect, useState } from 'react';
import { Link } from 'react-router-dom';
import { read } from '../api/client';
import type { Effect } from '../api/types';
import { clockSeconds } from '../model/format';
import { effectLook } from '../model/states';
import { Badge } from './Mark';

const KINDS: Record<string, string> = {
  observe: 'Look at trunk',
  candidate: 'Make the candidate',
  checks: 'Run the checks',
  confirm: 'Confirm the failure',
  build: 'Build',
  revert: 'Revert on trunk',
  mark: 'Mark what is live',
  stage: 'Copy to the hosts',
  rollout: 'Roll out',
  rollback: 'Roll back',
  watch: 'Watch the whole fleet',
  notify: 'Tell the people',
  proof: 'Prove the regression test',
};
export function Effects({ effects }: { effects: Effect[] }) {
  return (
    <ul className="bbcd-list">
      {effects.map((effect) => (
        <li key={effect.key}>
          <span>
            {Object.hasOwn(KINDS, effect.kind) ? KINDS[effect.kind] : effect.kind} {effect.buildsetid !== null && <BuildLink buildset={effect.buildsetid} builder={effect.builder} />}
          </span>
          <Badge {...effectLook(effect.state)} />
          <span className="bbcd-muted bbcd-num bbcd-when">{clockSeconds(effect.started_at ?? effect.created_at)}</span>
        </li>
      ))}
    </ul>
  );
}

function BuildLink({ buildset, builder }: { buildset: number; builder: string | null }) {
  const [requests, setRequests] = useState<number[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    read<{ buildrequestid: number }>(`buildrequests?buildsetid=${buildset}`, 'buildrequests', abort.signal).then(
      ({ items }) => setRequests(items.map((one) => one.buildrequestid)),
      () => setRequests([]), // Buildbot has forgotten the builds: the name alone is shown
    );
    return () => abort.abort();
  }, [buildset]);
  if (requests.length === 0) return <span className="bbcd-muted">{builder}</span>;
  return (
    <>
      {requests.map((id) => (
        <Link key={id} to={`/buildrequests/${id}?redirect_to_build=true`}>
          {builder ?? 'build'}{' '}
        </Link>
      ))}
    </>
  );
}
