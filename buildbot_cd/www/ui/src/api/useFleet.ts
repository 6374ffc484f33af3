// SPDX-License-Identifier: GPL-2.0-only
// The fleet of one rollout: read once, then kept by batches of changes; drawn at most once a frame.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { applyDelta, unpack, type FleetModel } from '../model/fleet';
import { live } from './live';
import type { Fleet, FleetDelta, Sample } from './types';
import { useResource, type Resource } from './useResource';

export function useFleet(rollout: number): [Resource<Fleet>, FleetModel | null] {
  const read = useResource<Fleet>(`cd/rollouts/${rollout}/hosts`, 'fleet');
  const [model, setModel] = useState<FleetModel | null>(null);
  const early = useRef<FleetDelta[]>([]);
  const base = useRef<FleetModel | null>(null);

  useLayoutEffect(() => {
    const fresh = read.data?.[0];
    if (fresh === undefined) return;
    // What was told while we read is in `early`; rows older than what was read change nothing.
    base.current = early.current.reduce(applyDelta, unpack(fresh));
    early.current = [];
    setModel(base.current);
  }, [read.data]);

  useEffect(() => {
    let frame = 0;
    const end = live.subscribe(`cd/rollouts/${rollout}/hosts`, (_key, message) => {
      const delta = message as FleetDelta;
      early.current = [...early.current.slice(-200), delta];
      if (base.current === null) return;
      base.current = applyDelta(base.current, delta);
      if (frame === 0) {
        frame = requestAnimationFrame(() => {
          frame = 0;
          // Drawn in this very frame, not in one or two after it.
          flushSync(() => setModel(base.current));
        });
      }
    });
    return () => {
      end();
      cancelAnimationFrame(frame);
      base.current = null;
      early.current = [];
    };
  }, [rollout]);

  return [read, model?.rollout === rollout ? model : null];
}

/** The looks of the judge: those that were, and each new one as it comes. */
export function useSamples(rollout: number, wanted: boolean): [Resource<Sample>, Sample[]] {
  const read = useResource<Sample>(wanted ? `cd/rollouts/${rollout}/samples` : null, 'samples');
  const [fresh, setFresh] = useState<Sample[]>([]);
  useEffect(() => {
    setFresh([]);
    return live.subscribe(`cd/rollouts/${rollout}/look`, (_key, message) => setFresh((old) => [...old, message as Sample]));
  }, [rollout]);
  const samples = useMemo(() => {
    const known = read.data ?? [];
    const seen = new Set(known.map((one) => `${one.stage} ${one.number}`));
    return [...known, ...fresh.filter((one) => !seen.has(`${one.stage} ${one.number}`))];
  }, [read.data, fresh]);
  return [read, samples];
}
