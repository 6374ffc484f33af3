// SPDX-License-Identifier: GPL-2.0-only
// Values of the API with everything in them, of which each test changes what it is about.
import type { Fleet, Gate, Landing, Rollout, Run, RunTest, Sample, Transition } from '../src/api/types';

export const NOW = 1_700_000_000;

export const gate = (more: Partial<Gate> = {}): Gate => ({
  name: 'trunk', mode: 'open', by: '', why: '', until: null, min_priority: 0, beneath: null, trunk: 'aa', tested: 'bb', live: 'cc',
  slots: { test: null, deploy: null }, queue: [], queued: 0, open: 0, reverting: [], obstacle: '', safe: true,
  stages: { test: null, deploy: null, revert: null }, budget: 720, version: 1, now: NOW, ...more,
});

export const landing = (id: number, state: string, more: Partial<Landing> = {}): Landing => ({
  id, gate: 'trunk', base: 'a'.repeat(40), head: 'b'.repeat(40), engineer: 'ada@shop.example', subject: `change ${id}`, message: '', state,
  open: !['live', 'reverted', 'bypassed'].includes(state), since: NOW - 60, queued_at: NOW - 100, priority: 0, attempt: 1, infra_attempts: 0,
  not_before: null, held: false, candidate: null, failing: [], cause: null, revert_kind: '', revert: null, reason: '', emergency: '', waiting: null, can: [],
  version: 3, ...more,
});

export const rollout = (more: Partial<Rollout> = {}): Rollout => ({
  id: 4, landing: 7, gate: 'trunk', release: 'r7', candidate: 'b'.repeat(40), fence: 4, seed: 1, state: 'watching', open: true, stage: 'canary',
  reason: '', started_at: NOW - 90, ended_at: null, size: 800, marks: { old: 765, new: 35 }, verdict: null, promoted: '', can: ['roll_back'], version: 2,
  stages: [{ name: 'canary', hosts: 35, watch: 120, budget: 1 }, { name: 'fleet', hosts: 765, watch: 180, budget: 15 }], ...more,
});

export const run = (id: number, more: Partial<Run> = {}): Run => ({
  id, landing: 7, gate: 'trunk', kind: 'gate', revision: 'b'.repeat(40), state: 'done', created_at: NOW - 100, planned_at: NOW - 90, ended_at: NOW,
  error: '', counts: { waiting: 0, claimed: 0, done: 2, failed: 0, total: 2 }, workers: ['w2', 'w10'], makespan: 90, lower_bound: 60, binding: 'total',
  advice: '', selection: { everything: null, chosen: 2, left_out: 5 }, missing_tags: [], unknown_tags: [], unknown_tests: [], ...more,
});

export const test = (nid: string, more: Partial<RunTest> = {}): RunTest => ({
  run: 1, nid, position: 0, estimate: 5, rank: 5, requires: [], group: null, avoid_worker: null, state: 'done', worker: 'w2', claimed_at: NOW - 10,
  done_at: NOW, seconds: 5, outcome: 'passed', reasons: [], text: '', ...more,
});

export const transition = (seq: number, after: string, at: number, seconds: number | null, more: Partial<Transition> = {}): Transition => ({
  landing: 7, seq, before: null, after, at, actor: 'gate', reason: '', seconds, ...more,
});

export const fleet = (): Fleet => ({
  rollout: 4, release: 'r7', version: 2,
  columns: ['host', 'role', 'stage', 'desired', 'observed', 'previous', 'phase', 'mark', 'at'],
  roles: ['web', 'api'], stages: ['canary', 'fleet'], releases: ['r6', 'r7'], phases: ['pending', 'healthy', 'failed'], marks: ['old', 'new', 'failed'],
  hosts: [['web-10', 0, 1, 0, 0, 0, 0, 0, 5], ['web-2', 0, 1, 0, 0, 0, 0, 0, 5], ['api-1', 1, 0, 1, 1, 0, 1, 1, 6]],
  addresses: { 'web-2': '10.0.0.2' }, errors: {},
});

export const sample = (number: number, more: Partial<Sample> = {}, ratio = 1): Sample => ({
  stage: 'canary', at: NOW - 100 + number * 2, number, gap: '', kind: 'undecided', log_e: 1, needed: 8,
  metrics: [{ name: 'errors', canary: 0.02 * ratio, control: 0.02, canary_n: 100, control_n: 900, ratio, log_e: 2, visible: 1.3 }], ...more,
});
