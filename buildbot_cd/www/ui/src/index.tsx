// SPDX-License-Identifier: GPL-2.0-only
// The plugin's registration in Buildbot's page: menu, routes, setting.
import './styles/tokens.css';
import './styles/parts.css';
import './styles/pages.css';
import React from 'react';
import { buildbotSetupPlugin } from 'buildbot-plugin-support';
import { firstReads, readEarly } from './api/client';
import { Now } from './pages/Now';
import { HistoryPage } from './pages/HistoryPage';
import { IncidentPage, IncidentsPage } from './pages/IncidentsPage';
import { LandingPage } from './pages/LandingPage';
import { Landings, Rollouts } from './pages/Lists';
import { RolloutPage } from './pages/RolloutPage';
import { TestsPage } from './pages/TestsPage';
import { TABS } from './parts/tabs';

const ICON = (
  <svg width="1em" height="1em" viewBox="0 0 16 16" aria-hidden="true">
    <path d="M2 8h8M7.5 4.5L11 8l-3.5 3.5M14 3v10" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" />
  </svg>
);

const ROUTES: [string, () => React.ReactNode][] = [
  ['/cd', () => <Now />],
  ['/cd/landings', () => <Landings />],
  ['/cd/landings/:id', () => <LandingPage />],
  ['/cd/rollouts', () => <Rollouts />],
  ['/cd/rollouts/:id', () => <RolloutPage />],
  ['/cd/tests', () => <TestsPage />],
  ['/cd/incidents', () => <IncidentsPage />],
  ['/cd/incidents/:id', () => <IncidentPage />],
  ['/cd/history', () => <HistoryPage />],
];

readEarly(firstReads(window.location.hash.slice(1).split('?')[0] ?? ''));

buildbotSetupPlugin((registrations) => {
  registrations.registerMenuGroup({ name: 'cd', parentName: null, caption: 'Deployment', icon: ICON, order: 5, route: null });
  TABS.forEach(({ to, label }, i) => {
    registrations.registerMenuGroup({ name: `cd-${label.toLowerCase()}`, parentName: 'cd', caption: label, icon: null, order: i, route: to });
  });
  for (const [route, element] of ROUTES) registrations.registerRoute({ route, group: 'cd', element });
  registrations.registerSettingGroup({
    name: 'cd',
    caption: 'Deployment pages',
    items: [{ type: 'choice_combo', name: 'theme', caption: 'Colours', choices: ['system', 'light', 'dark'], defaultValue: 'system' }],
  });
});
