// SPDX-License-Identifier: GPL-2.0-only
// The four figures that teams compare themselves by, each with the counts behind it; and tables to take away.
import type { History, Landing, Stat } from '../api/types';
import { csv } from './csv';
import { count, duration, figure, iso, percent } from './format';

export interface Tile {
  key: string;
  name: string;
  value: string;
  /** What the figure was computed from. */
  basis: string;
  more: string;
}

const few = (stat: Stat): string => (stat.n === 0 ? '' : `90 % within ${duration(stat.p90)}`);

export function tilesOf(history: History): Tile[] {
  const { counts } = history;
  const of = (name: string): number => counts[name] ?? 0;
  return [
    { key: 'lead', name: 'Lead time', value: duration(history.lead_time.p50), basis: `median of ${count(history.lead_time.n, 'landing')}`, more: few(history.lead_time) },
    { key: 'deploys', name: 'Deploys a day', value: figure(Number(history.deploys_per_day.toFixed(1))), basis: `${of('live').toLocaleString('en')} live in ${count(history.days, 'day')}`, more: '' },
    { key: 'failures', name: 'Change failure rate', value: percent(history.failure_rate, 1), basis: `${of('rolled_back')} of ${count(of('deployed'), 'deployment')} rolled back`, more: '' },
    { key: 'restore', name: 'Time to restore', value: duration(history.restore.p50), basis: `median of ${count(history.restore.n, 'rollback')}`, more: few(history.restore) },
  ];
}

export interface Part {
  name: string;
  stat: Stat;
}

export function partsOf(history: History): Part[] {
  return [
    { name: 'Wait for the test slot', stat: history.wait },
    { name: 'Tests', stat: history.test },
    { name: 'Deployment', stat: history.deploy },
    { name: 'Revert on trunk', stat: history.revert },
  ];
}

export function outcomesOf(history: History): [string, number][] {
  const names: [string, string][] = [
    ['live', 'live'],
    ['reverted_by_test', 'reverted by a test'],
    ['rolled_back', 'rolled back'],
    ['dependent', 'taken along'],
    ['withdrawn', 'withdrawn'],
    ['retested', 'tested more than once'],
  ];
  return names.map(([key, name]) => [name, history.counts[key] ?? 0]);
}

export function daysCsv(history: History): string {
  const rows = history.per_day.map((one) => [iso(one.day).slice(0, 10), one.live, one.reverted, one.rolled_back]);
  return csv(['day', 'live', 'reverted', 'rolled_back'], rows);
}

export function landingsCsv(landings: Landing[]): string {
  const rows = landings.map((one) => [
    one.id,
    one.gate,
    one.head,
    one.engineer,
    one.subject,
    one.state,
    iso(one.queued_at),
    one.open ? '' : iso(one.since),
    one.open ? null : Math.round((one.since - one.queued_at) * 10) / 10,
    one.attempt,
    one.revert_kind,
    one.failing.join('; '),
    one.reason,
  ]);
  return csv(['id', 'gate', 'head', 'engineer', 'subject', 'state', 'pushed', 'ended', 'seconds', 'candidates', 'revert_kind', 'failing', 'reason'], rows);
}
