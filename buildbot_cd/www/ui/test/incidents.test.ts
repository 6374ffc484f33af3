// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import type { Incident } from '../src/api/types';
import { dueSays, incidentLook, inOrder, sideTone } from '../src/model/incidents';
import { NOW } from './values';

const incident = (id: number, more: Partial<Incident> = {}): Incident => ({
  id, gate: 'trunk', landing: 7, cause: 'revert', subject: 't', change: '', reason: '', bad: 'b', state: 'open', open: true, overdue: false, obstacle: 'x',
  opened_at: NOW - 86400, due_at: NOW + 6 * 86400, closed_at: null, whys: ['', '', '', '', ''], test: '', suggested: null, proof: null, timeline: null,
  can: [], version: 1, ...more,
});

test('overdue ones come first, closed ones last', () => {
  const closed = incident(9, { open: false, state: 'closed', closed_at: NOW });
  expect(inOrder([closed, incident(1), incident(2, { overdue: true }), incident(3)]).map((one) => one.id)).toEqual([2, 3, 1, 9]);
  expect([closed, incident(2, { overdue: true }), incident(4, { state: 'proving' })].map((one) => incidentLook(one).label)).toEqual(['Closed', 'Overdue', 'Running its test']);
});

test('a date is told as what is left', () => {
  expect(dueSays(incident(1), NOW)).toBe('due in 6 d');
  expect(dueSays(incident(1, { due_at: NOW - 7200 }), NOW)).toBe('2 h overdue');
  expect(dueSays(incident(1, { closed_at: NOW - 43200 }), NOW)).toBe('closed after 12 h');
});

test('a side shows what it should, the contrary, or nothing', () => {
  const side = (outcome: string) => ({ revision: 'a', outcome, run: 1 });
  expect([sideTone(side('failed'), 'failed'), sideTone(side('passed'), 'failed'), sideTone(side('unknown'), 'passed')]).toEqual(['good', 'bad', 'idle']);
});
