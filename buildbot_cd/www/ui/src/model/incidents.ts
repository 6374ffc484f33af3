// SPDX-License-Identifier: GPL-2.0-only
// Incidents as the page tells them: what is missing, how urgent it is, what the runs have shown.
import type { Incident, ProofSide } from '../api/types';
import { rough } from './format';
import type { Tone } from './states';

export const CAUSE: Record<string, string> = {
  revert: 'Taken back before it was deployed',
  rollback: 'Taken out of production',
  escape: 'Found after the gate',
};

export function incidentLook(incident: Incident): { label: string; tone: Tone } {
  if (incident.state === 'closed') return { label: 'Closed', tone: 'good' };
  if (incident.overdue) return { label: 'Overdue', tone: 'bad' };
  return incident.state === 'proving' ? { label: 'Running its test', tone: 'busy' } : { label: 'Open', tone: 'warn' };
}

/** "due in 3 d", "2 d overdue", "closed after 4 h" */
export function dueSays(incident: Incident, now: number): string {
  if (incident.closed_at !== null) return `closed after ${rough(incident.closed_at - incident.opened_at)}`;
  const left = incident.due_at - now;
  return left < 0 ? `${rough(-left)} overdue` : `due in ${rough(left)}`;
}

/** The same as one phrase with its state. */
export function standsSays(incident: Incident, now: number): string {
  if (incident.closed_at !== null) return `Closed after ${rough(incident.closed_at - incident.opened_at)}`;
  return incident.overdue ? `Overdue by ${rough(now - incident.due_at)}` : `${incidentLook(incident).label}, ${dueSays(incident, now)}`;
}

/** Those that are overdue first, then open ones, then closed ones; each newest first. */
export function inOrder(incidents: Incident[]): Incident[] {
  const rank = (one: Incident) => (one.overdue ? 0 : one.open ? 1 : 2);
  return [...incidents].sort((a, b) => rank(a) - rank(b) || b.id - a.id);
}

/** Whether this side shows what is asked for: a failure on the bad revision, a pass on trunk. */
export function sideTone(side: ProofSide, wanted: 'failed' | 'passed'): Tone {
  if (side.outcome === wanted) return 'good';
  return side.outcome === 'unknown' ? 'idle' : 'bad';
}

export const WHYS = ['Why did it happen?', 'Why was that possible?', 'Why did nothing stop it there?', 'Why was that not known?', 'Why is it so by now?'];
