// SPDX-License-Identifier: GPL-2.0-only
/** The pages, as menu, tabs and keyboard know them. */
export const TABS = [
  { to: '/cd', label: 'Now', key: 'n' },
  { to: '/cd/landings', label: 'Landings', key: 'l' },
  { to: '/cd/rollouts', label: 'Rollouts', key: 'r' },
  { to: '/cd/tests', label: 'Tests', key: 't' },
  { to: '/cd/incidents', label: 'Incidents', key: 'i' },
  { to: '/cd/history', label: 'History', key: 'h' },
];
