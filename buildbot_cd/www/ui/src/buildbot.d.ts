// SPDX-License-Identifier: GPL-2.0-only
// What we use of Buildbot's own page. The packages are globals at run time and are not on npm.

declare module 'buildbot-plugin-support' {
  import type { ReactNode } from 'react';

  interface MenuGroup {
    name: string;
    parentName: string | null;
    caption: string;
    icon: ReactNode;
    order: number | null;
    route: string | null;
  }

  interface SettingItem {
    type: 'choice_combo';
    name: string;
    caption: string;
    choices: string[];
    defaultValue: string;
  }

  interface Registrations {
    registerMenuGroup(group: MenuGroup): void;
    registerRoute(route: { route: string; group: string; element: () => ReactNode }): void;
    registerSettingGroup(group: { name: string; caption: string; items: SettingItem[] }): void;
  }

  export function buildbotSetupPlugin(callback: (registrations: Registrations, config: unknown) => void): void;
  export function buildbotGetSettings(): { getChoiceComboSetting(name: string): string };
}

interface Window {
  buildbotFrontendConfig?: {
    user?: { anonymous?: boolean; username?: string; full_name?: string; email?: string };
    auth?: { name?: string };
    plugins?: Record<string, unknown>;
  };
}
