// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import { useSearchParams } from 'react-router-dom';
import type { Gate } from '../api/types';

/** The gate of `?gate=NAME`, else the first one. */
export function useGateChoice(gates: Gate[] | null): [Gate | null, (name: string) => void] {
  const [params, setParams] = useSearchParams();
  const wanted = params.get('gate');
  const gate = gates?.find((one) => one.name === wanted) ?? gates?.[0] ?? null;
  const choose = (name: string) => {
    params.set('gate', name);
    setParams(params, { replace: true });
  };
  return [gate, choose];
}

export function GatePicker({ gates, gate, choose }: { gates: Gate[]; gate: Gate; choose: (name: string) => void }) {
  if (gates.length < 2) return null;
  return (
    <label className="bbcd-picker">
      <span className="bbcd-muted">Gate</span>
      <select value={gate.name} onChange={(event) => choose(event.target.value)}>
        {gates.map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
    </label>
  );
}
