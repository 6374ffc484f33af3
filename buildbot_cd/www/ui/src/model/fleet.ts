// SPDX-License-Identifier: GPL-2.0-only
// The packed fleet as rows for the picture and the table, and the events that change it.
import type { Cell, Fleet, FleetDelta } from '../api/types';

export type Mark = 'old' | 'switching' | 'new' | 'failed' | 'owed' | 'back';

export const MARKS: { mark: Mark; label: string; meaning: string }[] = [
  { mark: 'failed', label: 'Failed', meaning: 'failed, refused or unhealthy' },
  { mark: 'owed', label: 'Owed', meaning: 'did not answer; gets its release before it takes traffic' },
  { mark: 'switching', label: 'Switching', meaning: 'told to switch, not seen healthy with it yet' },
  { mark: 'back', label: 'Rolled back', meaning: 'carries the release before again' },
  { mark: 'new', label: 'New', meaning: 'seen healthy with the new release' },
  { mark: 'old', label: 'Old', meaning: 'carries the release before, its turn comes' },
];

const KNOWN = new Set<string>(MARKS.map((one) => one.mark));

export interface HostRow {
  host: string;
  role: string;
  stage: string;
  desired: string;
  observed: string;
  previous: string;
  phase: string;
  mark: Mark;
  at: number;
  address: string;
  error: string;
}

export interface FleetModel {
  rollout: number;
  stages: string[];
  /** By role and name; a change never moves a host. */
  hosts: Map<string, HostRow>;
}

const markOf = (name: string): Mark => (KNOWN.has(name) ? (name as Mark) : 'old');

const ORDER = new Intl.Collator('en', { numeric: true });

/** Unpack the one object of `cd/rollouts/<id>/hosts`. */
export function unpack(fleet: Fleet): FleetModel {
  const column = new Map(fleet.columns.map((name, index) => [name, index]));
  const cell = (row: Cell[], name: string): Cell => row[column.get(name) ?? -1] ?? null;
  const text = (row: Cell[], name: string, list: string[]): string => {
    const value = cell(row, name);
    return typeof value === 'number' ? (list[value] ?? '') : (value ?? '');
  };
  const rows = fleet.hosts.map((row): HostRow => {
    const host = String(cell(row, 'host') ?? '');
    return {
      host,
      role: text(row, 'role', fleet.roles),
      stage: text(row, 'stage', fleet.stages),
      desired: text(row, 'desired', fleet.releases),
      observed: text(row, 'observed', fleet.releases),
      previous: text(row, 'previous', fleet.releases),
      phase: text(row, 'phase', fleet.phases),
      mark: markOf(text(row, 'mark', fleet.marks)),
      at: Number(cell(row, 'at') ?? 0),
      address: fleet.addresses[host] ?? '',
      error: fleet.errors[host] ?? '',
    };
  });
  rows.sort((a, b) => (a.role === b.role ? 0 : ORDER.compare(a.role, b.role)) || ORDER.compare(a.host, b.host));
  return { rollout: fleet.rollout, stages: fleet.stages, hosts: new Map(rows.map((row) => [row.host, row])) };
}

/** Apply a batch of changes; rows older than what is known of their host change nothing. */
export function applyDelta(model: FleetModel, delta: FleetDelta): FleetModel {
  if (delta.rollout !== model.rollout) return model;
  const hosts = new Map(model.hosts);
  for (const row of delta.rows) {
    const told = Object.fromEntries(delta.columns.map((name, i) => [name, row[i] ?? null]));
    const host = String(told.host ?? '');
    const before = hosts.get(host);
    const at = Number(told.at ?? delta.at);
    if (before === undefined || at < before.at) continue;
    const text = (name: keyof HostRow): string => (name in told ? String(told[name] ?? '') : String(before[name]));
    hosts.set(host, {
      ...before,
      role: text('role'),
      stage: text('stage'),
      desired: text('desired'),
      observed: text('observed'),
      previous: text('previous'),
      phase: text('phase'),
      mark: markOf(text('mark')),
      at,
      error: text('error'),
    });
  }
  return { ...model, hosts };
}

export interface Filter {
  text: string;
  marks: ReadonlySet<Mark>;
}

/** An empty set of marks means all of them; text is looked for in name, address, role, release and error. */
export function passes(row: HostRow, filter: Filter): boolean {
  if (filter.marks.size > 0 && !filter.marks.has(row.mark)) return false;
  const needle = filter.text.trim().toLowerCase();
  if (needle === '') return true;
  return [row.host, row.address, row.role, row.observed, row.error].some((field) => field.toLowerCase().includes(needle));
}

export interface StageGroup {
  stage: string;
  rows: HostRow[];
}

/** One group a stage, in the order of the stages; within it in the model's order. */
export function groups(model: FleetModel): StageGroup[] {
  const byStage = new Map<string, HostRow[]>(model.stages.map((stage) => [stage, []]));
  for (const row of model.hosts.values()) {
    const rows = byStage.get(row.stage);
    if (rows === undefined) byStage.set(row.stage, [row]);
    else rows.push(row);
  }
  return [...byStage].filter(([, rows]) => rows.length > 0).map(([stage, rows]) => ({ stage, rows }));
}

export function countMarks(rows: Iterable<HostRow>): Record<Mark, number> {
  const counts: Record<Mark, number> = { failed: 0, owed: 0, switching: 0, back: 0, new: 0, old: 0 };
  for (const row of rows) counts[row.mark] += 1;
  return counts;
}

/** "780 new, 12 switching, 8 failed": what a screen reader hears of the picture. */
export function spoken(counts: Record<Mark, number>): string {
  const parts = MARKS.filter(({ mark }) => counts[mark] > 0).map(({ mark, label }) => `${counts[mark]} ${label.toLowerCase()}`);
  return parts.length === 0 ? 'no hosts' : parts.join(', ');
}
