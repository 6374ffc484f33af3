// SPDX-License-Identifier: GPL-2.0-only
import { useEffect, useState } from 'react';
import { buildbotGetSettings } from 'buildbot-plugin-support';

export type Theme = 'light' | 'dark';

const DARK = '(prefers-color-scheme: dark)';

/** The setting of the user comes first, then the theme of Buildbot's page where it has one, then the system's. */
export function chosenTheme(setting: string, page: string | null, systemIsDark: boolean): Theme {
  if (setting === 'light' || setting === 'dark') return setting;
  if (page === 'light' || page === 'dark') return page;
  return systemIsDark ? 'dark' : 'light';
}

function current(): Theme {
  let setting = 'system';
  try {
    setting = buildbotGetSettings().getChoiceComboSetting('cd.theme');
  } catch {
    // a Buildbot whose settings are read in another way: the system decides
  }
  return chosenTheme(setting, document.documentElement.getAttribute('data-bs-theme'), window.matchMedia(DARK).matches);
}

/** Also marks the body, whose background shows around our pages. */
export function useTheme(): Theme {
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    const query = window.matchMedia(DARK);
    const renew = () => setTheme(current());
    query.addEventListener('change', renew);
    return () => query.removeEventListener('change', renew);
  }, []);
  useEffect(() => {
    document.body.setAttribute('data-bbcd-page', theme);
    return () => document.body.removeAttribute('data-bbcd-page');
  }, [theme]);
  return theme;
}
