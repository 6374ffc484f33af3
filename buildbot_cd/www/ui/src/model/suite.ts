// SPDX-License-Identifier: GPL-2.0-only
// What many runs together tell: four ways to look at all tests, the rules that escapes propose, and how many workers do.
import type { Capacity, Escape, Learnt, SuiteTest } from '../api/types';
import { count, duration, percent, rough } from './format';
import type { Tile } from './history';

export type ViewKey = 'slowest' | 'flakiest' | 'stalest' | 'never';

export interface View {
  key: ViewKey;
  label: string;
  /** Filters and order, as the data API takes them. */
  query: string;
  /** The column that decides. */
  column: keyof SuiteTest;
  empty: string;
}

export const VIEWS: View[] = [
  { key: 'slowest', label: 'Slowest', query: 'order=-seconds', column: 'seconds', empty: 'No test has run yet' },
  { key: 'flakiest', label: 'Flakiest', query: 'flakes__gt=0&order=-flakes&order=-flake_rate', column: 'flakes', empty: 'No test flaked in 30 days' },
  { key: 'stalest', label: 'Stalest', query: 'order=passed_at', column: 'passed_at', empty: 'No test has run yet' },
  { key: 'never', label: 'Never selected', query: 'selected=0&order=-seconds', column: 'selected', empty: 'Every test was selected at least once' },
];

export const viewOf = (key: string | null): View => VIEWS.find((one) => one.key === key) ?? (VIEWS[0] as View);

export function suitePath(gate: string, view: View, words: string, limit: number): string {
  const contains = words
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => `&nid__contains=${encodeURIComponent(word)}`);
  return `cd/gates/${encodeURIComponent(gate)}/suite?${view.query}&limit=${limit}${contains.join('')}`;
}

/** "pytest:tests/test_cart.py::test_total" in two parts: where it is, and what it is called. */
export function nameOf(nid: string): { place: string; name: string } {
  const plain = nid.replace(/^\w+:(?!:)/, '');
  const at = plain.indexOf('::');
  return at < 0 ? { place: '', name: plain } : { place: plain.slice(0, at), name: plain.slice(at + 2) };
}

export function tilesOf(learnt: Learnt): Tile[] {
  const { tests, never, flaky, runs, mapped } = learnt;
  const looked = runs === 0 ? 'no run has ended yet' : `in ${count(runs, 'run')}`;
  const age = (moment: number | null) => (moment === null ? '–' : rough(learnt.now - moment));
  return [
    { key: 'tests', name: 'Tests', value: tests.toLocaleString('en'), basis: 'in the newest plan', more: '' },
    { key: 'never', name: 'Never selected', value: never.toLocaleString('en'), basis: looked, more: tests > 0 ? `${percent(never / tests)} of all` : '' },
    { key: 'flaky', name: 'Flaky', value: flaky.toLocaleString('en'), basis: `in ${count(learnt.days, 'day')}`, more: '' },
    { key: 'map', name: 'Age of the function map', value: age(learnt.median), basis: mapped === 0 ? 'it is empty' : `median of ${count(mapped, 'test')}`, more: mapped === 0 ? '' : `oldest ${age(learnt.oldest)}` },
  ];
}

/** The minutes whose share is written out beside the curve. */
export const TOLD = [1, 4, 8, 12];

export function sharesOf(learnt: Learnt): { minutes: number; share: number | null }[] {
  return TOLD.map((minutes) => ({ minutes, share: learnt.curve.find((one) => one.seconds === 60 * minutes)?.share ?? null }));
}

export interface Rule {
  rule: string;
  patch: string;
  /** '' where the test carries no tag and is told to read the files. */
  tag: string;
  escapes: Escape[];
}

/** Escapes that propose the same line are one rule; those that would have caught most come first. */
export function rulesOf(escapes: Escape[]): Rule[] {
  const byRule = new Map<string, Rule>();
  for (const one of escapes) {
    if (one.rule === '') continue;
    const known = byRule.get(one.rule);
    if (known === undefined) byRule.set(one.rule, { rule: one.rule, patch: one.patch, tag: one.missing_tag, escapes: [one] });
    else known.escapes.push(one);
  }
  return [...byRule.values()].sort((a, b) => b.escapes.length - a.escapes.length);
}

/** What the number of workers comes to, in one sentence for whoever has to buy them. */
export function capacitySays(capacity: Capacity): string {
  const within = `95 of 100 runs end within ${duration(capacity.budget)}`;
  if (capacity.workers === null) return `On no number of workers up to ${capacity.most} would ${within}: split what is longest.`;
  const { workers, today } = capacity;
  if (today === 0 || today === workers) return `With ${count(workers, 'worker')} ${within}${today === workers ? ', and so many there are' : ''}.`;
  const other = count(Math.abs(workers - today), 'worker');
  return today < workers ? `${other} more, ${workers} in all, and ${within}.` : `${count(workers, 'worker')} would do: ${within} with ${other} less than today.`;
}
