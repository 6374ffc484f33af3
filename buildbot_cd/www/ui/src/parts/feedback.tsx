// SPDX-License-Identifier: GPL-2.0-only
// What a page says while it has nothing to show: loading, nothing there, failed; and what it says when it is not fresh.
import React, { useEffect, useState } from 'react';
import type { ApiError } from '../api/client';
import { live, type LinkState } from '../api/live';
import type { Resource } from '../api/useResource';
import { clockSeconds, rough } from '../model/format';
import { Sign } from './Mark';
import { useNow } from './useNow';

export function Loading({ lines = 4, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div className="bbcd-loading" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} className="bbcd-bone" style={{ width: `${90 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <div className="bbcd-empty">
      <svg width="44" height="44" viewBox="0 0 44 44" aria-hidden="true">
        <path d="M6 22h9M29 22h9" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeDasharray="2 5" />
        <circle cx="22" cy="22" r="6" fill="none" stroke="currentColor" strokeWidth="2" />
      </svg>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry: () => void }) {
  const absent = error.status === 404;
  return (
    <div className="bbcd-empty bbcd-failure" role="alert">
      <Sign tone={absent ? 'idle' : 'bad'} size={28} />
      <h3>{absent ? 'There is nothing here' : error.status === 0 ? 'The master does not answer' : 'This could not be read'}</h3>
      <p>{error.status === 0 ? 'It may be restarting. This page tries again by itself.' : error.message}</p>
      <button type="button" className="bbcd-button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** Shows the first of loading, failure and content that applies; old data stays on the page, with a note of its age. */
export function Loaded<T>({ from, lines, children }: { from: Resource<T>; lines?: number; children: (data: T[]) => React.ReactNode }) {
  useRetry(from);
  const link = useLink();
  if (from.data === null) return from.error === null ? <Loading lines={lines} /> : <Failure error={from.error} retry={from.reload} />;
  return (
    <>
      {from.error !== null && !(from.error.status === 0 && link === 'down') && (
        <p className="bbcd-stale" role="status">
          <Sign tone="warn" size={14} /> As of {clockSeconds(from.at)}: {from.error.message}.{' '}
          <button type="button" className="bbcd-link" onClick={from.reload}>
            Try again
          </button>
        </p>
      )}
      {children(from.data)}
    </>
  );
}

/** A master that does not answer is asked again until it does. */
function useRetry<T>({ error, reload }: Resource<T>): void {
  const unreachable = error !== null && (error.status === 0 || error.status >= 500);
  useEffect(() => {
    if (!unreachable) return undefined;
    const timer = window.setInterval(reload, 5000);
    return () => window.clearInterval(timer);
  }, [unreachable, reload]);
}

export function useLink(): LinkState {
  const [state, setState] = useState(live.state);
  useEffect(() => {
    setState(live.state);
    return live.watch(() => setState(live.state));
  }, []);
  return state;
}

/** Told only once the link has been away for a moment: a short hiccup needs no alarm. */
export function LinkBanner() {
  const state = useLink();
  useNow(state === 'down' ? 1000 : 60_000);
  const away = live.lostAt === null ? 0 : (Date.now() - live.lostAt) / 1000;
  if (state !== 'down' || away < 1) return null;
  return (
    <div className="bbcd-banner-link" role="status">
      <Sign tone="warn" size={15} />
      <span>
        Not live since {clockSeconds((live.lostAt ?? 0) / 1000)}, {rough(away)} ago: the connection to the master is lost. This page connects again by itself.
      </span>
      <button type="button" className="bbcd-button bbcd-small" onClick={() => live.retry()}>
        Connect now
      </button>
    </div>
  );
}
