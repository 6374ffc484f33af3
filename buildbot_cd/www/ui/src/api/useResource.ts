// SPDX-License-Identifier: GPL-2.0-only
// One address, read now, read again when an event says so, when the link is back and when the tab is looked at again.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ApiError, read, serverNow } from './client';
import { live } from './live';

export interface Resource<T> {
  data: T[] | null;
  total: number | null;
  error: ApiError | null;
  /** When `data` was read, in seconds of the master's clock. */
  at: number;
  /** The same moment on this machine's clock. */
  readAt: number;
  reload: () => void;
}

/** Events that come together are answered by one read; while the link is down, we read at intervals. */
const SETTLE = 150;
/** These come several times a second, and cause one read a second. */
const BUSY = /\/(hosts|look|updated)$/;
const SETTLE_BUSY = 1000;
/** Of these a `*` does not speak: they have to be asked for by name. */
const NAMED = /\/(hosts|look)$/;
const WITHOUT_LINK = 10_000;

/** `pause`: milliseconds from an event to the read at least, for answers that are large. */
export function useResource<T>(path: string | null, key: string, events: string[] = [], pause = 0): Resource<T> {
  const [state, setState] = useState<{ path: string | null; answer: Omit<Resource<T>, 'reload'> }>({ path, answer: NOTHING });
  const busy = useRef<AbortController | null>(null);
  const again = useRef(false);

  const load = useCallback(() => {
    if (path === null) return;
    if (busy.current !== null) {
      again.current = true;
      return;
    }
    const abort = new AbortController();
    busy.current = abort;
    const settle = (change: (old: Omit<Resource<T>, 'reload'>) => Omit<Resource<T>, 'reload'>) => {
      if (busy.current !== abort) return;
      busy.current = null;
      setState((old) => ({ path, answer: change(old.path === path ? old.answer : NOTHING) }));
      if (again.current) {
        again.current = false;
        load();
      }
    };
    read<T>(path, key, abort.signal).then(
      ({ items, total }) => settle(() => ({ data: items, total, error: null, at: serverNow(), readAt: Date.now() / 1000 })),
      (error: unknown) => settle((old) => ({ ...old, error: asApiError(error) })),
    );
  }, [path, key]);

  useEffect(() => {
    load();
    return () => {
      const running = busy.current;
      busy.current = null;
      again.current = false;
      running?.abort();
    };
  }, [load]);

  const wanted = events.join(' ');
  useEffect(() => {
    if (path === null) return undefined;
    let timer: number | undefined;
    const now = () => {
      timer = undefined;
      load();
    };
    const soon = (key: string) => {
      if (NAMED.test(key) && !wanted.split(' ').includes(key)) return;
      timer ??= window.setTimeout(now, Math.max(pause, BUSY.test(key) ? SETTLE_BUSY : SETTLE));
    };
    const ends = wanted === '' ? [] : wanted.split(' ').map((event) => live.subscribe(event, soon));
    // After a loss at once; after the first connection what was missed is a moment's, and the page is still being drawn.
    let lost = live.state === 'down';
    ends.push(
      live.watch(() => {
        if (live.state === 'up') {
          if (lost) load();
          else timer ??= window.setTimeout(now, SETTLE_BUSY);
        }
        lost = live.state === 'down';
      }),
    );
    const seen = () => document.visibilityState === 'visible' && load();
    document.addEventListener('visibilitychange', seen);
    const poll = window.setInterval(() => live.state === 'down' && document.visibilityState === 'visible' && load(), WITHOUT_LINK);
    return () => {
      ends.forEach((end) => end());
      document.removeEventListener('visibilitychange', seen);
      window.clearInterval(poll);
      window.clearTimeout(timer);
    };
  }, [path, wanted, pause, load]);

  const answer = state.path === path ? state.answer : NOTHING;
  return useMemo(() => ({ ...answer, reload: load }), [answer, load]);
}

const NOTHING = { data: null, total: null, error: null, at: 0, readAt: 0 };

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(error instanceof Error ? error.message : String(error), 0);
}

/** The newest message of one address of events; null until the first one comes. */
export function useLatest<M>(path: string | null): M | null {
  const [latest, setLatest] = useState<{ path: string; message: M } | null>(null);
  useEffect(() => {
    if (path === null) return undefined;
    return live.subscribe(path, (_key, message) => setLatest({ path, message: message as M }));
  }, [path]);
  return latest?.path === path ? latest.message : null;
}
