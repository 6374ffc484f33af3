// SPDX-License-Identifier: GPL-2.0-only
// The data API, as docs/reference/data-api.md tells it. Moments and durations are seconds.

export type Range = [number, number];

export interface SlotHolder {
  landing: number;
  since: number;
  engineer: string;
  subject: string;
  state: string;
}

export interface StageTimes {
  n: number;
  p50: number;
  p90: number;
}

export type Mode = 'open' | 'closed' | 'drain' | 'halted';

export interface Gate {
  name: string;
  mode: Mode;
  by: string;
  why: string;
  until: number | null;
  /** Landings of at least this priority pass a freeze; 0: none do. */
  min_priority: number;
  /** The freeze that comes into force when a halt is resumed. */
  beneath: { mode: Mode; by: string; why: string; until: number | null; min_priority: number } | null;
  trunk: string | null;
  tested: string | null;
  live: string | null;
  slots: { test: SlotHolder | null; deploy: SlotHolder | null };
  queue: number[];
  queued: number;
  open: number;
  reverting: number[];
  obstacle: string;
  safe: boolean;
  stages: { test: StageTimes | null; deploy: StageTimes | null; revert: StageTimes | null };
  budget: number | null;
  version: number;
  now: number;
}

export interface Waiting {
  why: string;
  since: number;
  until: number | null;
  position: number | null;
  turn: Range | null;
  eta: Range | null;
}

export interface Landing {
  id: number;
  gate: string;
  base: string;
  head: string;
  engineer: string;
  subject: string;
  message: string;
  state: string;
  open: boolean;
  since: number;
  queued_at: number;
  priority: number;
  attempt: number;
  infra_attempts: number;
  not_before: number | null;
  held: boolean;
  candidate: string | null;
  failing: string[];
  cause: number | null;
  revert_kind: string;
  revert: string | null;
  reason: string;
  /** Why it is in the fast lane; '' if it is not. */
  emergency: string;
  waiting: Waiting | null;
  can: string[];
  version: number;
}

export interface Transition {
  landing: number;
  seq: number;
  before: string | null;
  after: string;
  at: number;
  actor: string;
  reason: string;
  seconds: number | null;
}

export interface Effect {
  key: string;
  landing: number;
  kind: string;
  state: string;
  builder: string | null;
  buildsetid: number | null;
  created_at: number;
  started_at: number | null;
  result: unknown;
}

export interface RunCounts {
  waiting: number;
  claimed: number;
  done: number;
  failed: number;
  total: number;
}

export interface Run {
  id: number;
  landing: number | null;
  gate: string;
  kind: string;
  revision: string;
  state: string;
  created_at: number;
  planned_at: number | null;
  ended_at: number | null;
  error: string;
  counts: RunCounts;
  workers: string[];
  makespan: number | null;
  lower_bound: number | null;
  binding: string | null;
  advice: string;
  selection: { everything: string | null; chosen: number; left_out: number };
  missing_tags: { tag: string; because: string; tests: number }[];
  unknown_tags: { tag: string; nearest: string | null }[];
  unknown_tests: { test: string; nearest: string | null }[];
}

export interface RunTest {
  run: number;
  nid: string;
  position: number;
  estimate: number;
  rank: number;
  requires: string[];
  group: string | null;
  avoid_worker: string | null;
  state: string;
  worker: string | null;
  claimed_at: number | null;
  done_at: number | null;
  seconds: number | null;
  outcome: string | null;
  reasons: string[];
  text: string;
}

export interface RolloutStage {
  name: string;
  hosts: number;
  watch: number;
  budget: number;
}

export interface Rollout {
  id: number;
  landing: number | null;
  gate: string;
  release: string;
  candidate: string;
  fence: number;
  seed: number;
  state: string;
  open: boolean;
  stage: string;
  reason: string;
  started_at: number;
  ended_at: number | null;
  stages: RolloutStage[];
  size: number;
  /** null in lists, as is `verdict`. */
  marks: Record<string, number> | null;
  verdict: { stage: string; at: number; kind: string; reason: string } | null;
  /** The stage whose watch a person has ended early, who and why; '': none. */
  promoted: string;
  can: string[];
  version: number;
}

export type Cell = string | number | null;

export interface Fleet {
  rollout: number;
  release: string;
  version: number;
  columns: string[];
  roles: string[];
  stages: string[];
  releases: string[];
  phases: string[];
  marks: string[];
  hosts: Cell[][];
  addresses: Record<string, string>;
  errors: Record<string, string>;
}

/** The event `cd/rollouts/<id>/hosts`: rows of texts, the error as a last column. */
export interface FleetDelta {
  rollout: number;
  at: number;
  columns: string[];
  rows: Cell[][];
}

export interface Verdict {
  id: number;
  rollout: number;
  stage: string;
  at: number;
  kind: string;
  reason: string;
  culprits: string[];
  log_e: number;
  needed: number;
  metrics: unknown[];
}

export interface MetricLook {
  name: string;
  canary: number | null;
  control: number | null;
  canary_n: number;
  control_n: number;
  ratio: number | null;
  log_e: number | null;
  visible: number | null;
}

export interface Sample {
  stage: string;
  at: number;
  number: number;
  gap: string;
  kind: string;
  /** null: beyond all numbers */
  log_e: number | null;
  needed: number | null;
  metrics: MetricLook[];
}

export interface Stat {
  n: number;
  p50: number | null;
  p90: number | null;
  mean: number | null;
}

export interface History {
  gate: string;
  days: number;
  since: number;
  until: number;
  lead_time: Stat;
  wait: Stat;
  test: Stat;
  deploy: Stat;
  restore: Stat;
  revert: Stat;
  deploys_per_day: number;
  failure_rate: number | null;
  counts: Record<string, number>;
  per_day: { day: number; live: number; reverted: number; rolled_back: number }[];
}

export interface ProofSide {
  revision: string;
  outcome: string;
  run: number | null;
}

export interface Proof {
  test: string;
  bad: ProofSide;
  trunk: ProofSide;
  at: number;
  holds: boolean;
  says: string;
}

export interface IncidentLine {
  at: number;
  kind: string;
  what: string;
  text: string;
}

export interface Incident {
  id: number;
  gate: string;
  landing: number | null;
  cause: string;
  subject: string;
  change: string;
  reason: string;
  bad: string;
  state: string;
  open: boolean;
  overdue: boolean;
  /** Why it has not closed, in one sentence. */
  obstacle: string;
  opened_at: number;
  due_at: number;
  closed_at: number | null;
  whys: string[];
  test: string;
  /** null in lists, as is `timeline`. */
  suggested: string[] | null;
  proof: Proof | null;
  timeline: IncidentLine[] | null;
  can: string[];
  version: number;
}

/** A test over many runs. */
export interface SuiteTest {
  nid: string;
  seconds: number | null;
  selected: number;
  failed: number;
  ended_at: number | null;
  passed_at: number | null;
  flakes: number;
  flake_rate: number;
  mapped_at: number | null;
  quarantined_until: number | null;
}

export interface Learnt {
  gate: string;
  days: number;
  runs: number;
  tests: number;
  flaky: number;
  never: number;
  mapped: number;
  oldest: number | null;
  median: number | null;
  failures: number;
  curve: { seconds: number; share: number | null }[];
  now: number;
}

export interface Capacity {
  gate: string;
  budget: number;
  runs: number;
  /** null: no number up to `most` is enough. */
  workers: number | null;
  today: number;
  most: number;
  overhead: number;
  tried: { workers: number; p50: number; p95: number }[];
  split: { nid: string; seconds: number; gain: number }[];
  now: number;
}

export interface Escape {
  id: number;
  gate: string;
  test: string;
  run: number;
  found_at: number;
  state: string;
  open: boolean;
  culprit: number | null;
  probability: number | null;
  missing_tag: string;
  rule: string;
  patch: string;
  reason: string;
}
