// SPDX-License-Identifier: GPL-2.0-only
// The bundle as Buildbot's page loads it: a script that finds its libraries among the globals.
import { existsSync, readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import React from 'react';
import { renderToString } from 'react-dom/server';
import * as Router from 'react-router-dom';
import { StaticRouter } from 'react-router-dom/server';
import { beforeAll, describe, expect, it } from 'vitest';

const BUNDLE = process.env.CD_UI_BUNDLE ?? new URL('../../static/scripts.js', import.meta.url).pathname;

interface Seen {
  menu: { name: string; parentName: string | null; route: string | null }[];
  routes: { route: string; element: () => React.ReactNode }[];
  settings: { name: string }[];
}

const seen: Seen = { menu: [], routes: [], settings: [] };

beforeAll(() => {
  expect(existsSync(BUNDLE), `${BUNDLE} is not built`).toBe(true);
  const page: Record<string, unknown> = {
    React,
    ReactDOM: {},
    ReactRouterDOM: Router,
    BuildbotPluginSupport: {
      buildbotSetupPlugin: (callback: (reg: unknown, config: unknown) => void) =>
        callback(
          {
            registerMenuGroup: (group: Seen['menu'][number]) => seen.menu.push(group),
            registerRoute: (route: Seen['routes'][number]) => seen.routes.push(route),
            registerSettingGroup: (group: Seen['settings'][number]) => seen.settings.push(group),
          },
          {},
        ),
      buildbotGetSettings: () => ({ getChoiceComboSetting: () => 'dark' }),
    },
    document: { documentElement: { getAttribute: () => null }, createElement: () => ({ style: {} }), addEventListener: () => undefined },
    navigator: { userAgent: '', language: 'en' },
    matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
    devicePixelRatio: 1,
    location: { hash: '#/builders' },
    setTimeout: () => 0,
    addEventListener: () => undefined,
    CustomEvent: class {},
    dispatchEvent: () => true,
    URL,
    Date,
    console,
  };
  page.window = page;
  page.self = page;
  page.globalThis = page;
  runInContext(readFileSync(BUNDLE, 'utf-8'), createContext(page));
});

describe('the bundle', () => {
  it('registers its menu, routes and setting with nothing but the globals of Buildbot’s page', () => {
    expect(seen.menu.filter((one) => one.parentName === 'cd').map((one) => one.route)).toEqual(['/cd', '/cd/landings', '/cd/rollouts', '/cd/tests', '/cd/incidents', '/cd/history']);
    expect(seen.routes.map((one) => one.route)).toEqual(['/cd', '/cd/landings', '/cd/landings/:id', '/cd/rollouts', '/cd/rollouts/:id', '/cd/tests', '/cd/incidents', '/cd/incidents/:id', '/cd/history']);
    expect(seen.settings.map((one) => one.name)).toEqual(['cd']);
  });
  it('renders each page with the React of the page, in the theme of the setting', () => {
    for (const { route, element } of seen.routes) {
      const html = renderToString(
        <StaticRouter location={route.replace(':id', '7')}>
          <Router.Routes>
            <Router.Route path={route} element={element()} />
          </Router.Routes>
        </StaticRouter>,
      );
      expect(html, route).toContain('data-bbcd-theme="dark"');
      expect(html, route).toContain('aria-label="Loading"');
    }
  });
  it('carries no second React', () => expect(readFileSync(BUNDLE, 'utf-8')).not.toContain('react.element'));
});
