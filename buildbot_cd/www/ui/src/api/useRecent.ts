// SPDX-License-Identifier: GPL-2.0-only
import { useCallback, useEffect, useState } from 'react';
import { recentOf, type Recent } from '../model/recent';
import { ApiError, read, serverNow } from './client';
import type { Landing, Run } from './types';
import type { Resource } from './useResource';

export const LANDINGS = 15;

/** The runs of the last landings; read once and on demand, for it is some fifteen answers. */
export function useRecent(gate: string | null): Resource<Recent> {
  const [state, setState] = useState<Omit<Resource<Recent>, 'reload'>>({ data: null, total: null, error: null, at: 0, readAt: 0 });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (gate === null) return undefined;
    const abort = new AbortController();
    gather(gate, abort.signal).then(
      (recent) => setState({ data: [recent], total: 1, error: null, at: serverNow(), readAt: Date.now() / 1000 }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState((old) => ({ ...old, error: error instanceof ApiError ? error : new ApiError(String(error), 0) }));
      },
    );
    return () => abort.abort();
  }, [gate, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { ...state, reload };
}

async function gather(gate: string, signal: AbortSignal): Promise<Recent> {
  const { items: landings } = await read<Landing>(`cd/landings?gate=${encodeURIComponent(gate)}&limit=${LANDINGS}`, 'landings', signal);
  const found = await Promise.all(
    landings.map(async (landing) => ({ landing, runs: (await read<Run>(`cd/landings/${landing.id}/runs`, 'runs', signal)).items })),
  );
  return recentOf(found);
}
