// SPDX-License-Identifier: GPL-2.0-only
// The frame of every page: theme, tabs, link state, keyboard.
import React, { useEffect, useRef } from 'react';
import { NavLink } from 'react-router-dom';
import { Guard } from './Guard';
import { LinkBanner } from './feedback';
import { Keys } from './Keys';
import { TABS } from './tabs';
import { useTheme } from './useTheme';

export function Shell({ title, children }: { title: string; children: React.ReactNode }) {
  const theme = useTheme();
  const tabs = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = `${title} · Deployment`;
  }, [title]);
  // On a narrow screen the row of tabs is longer than its place.
  useEffect(() => {
    tabs.current?.querySelector('.bbcd-current')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, []);
  return (
    <div className="bbcd" data-bbcd-theme={theme}>
      <nav className="bbcd-tabs" aria-label="Deployment" ref={tabs}>
        {TABS.map(({ to, label }) => (
          <NavLink key={to} to={to} end={to === '/cd'} className={({ isActive }) => `bbcd-tab${isActive ? ' bbcd-current' : ''}`}>
            {label}
          </NavLink>
        ))}
        <Keys />
      </nav>
      <LinkBanner />
      <div className="bbcd-main">
        <Guard>{children}</Guard>
      </div>
    </div>
  );
}

export function Panel(props: { title: string; note?: React.ReactNode; aside?: React.ReactNode; children: React.ReactNode; className?: string }) {
  const id = React.useId();
  return (
    <section className={`bbcd-panel ${props.className ?? ''}`} aria-labelledby={id}>
      <header className="bbcd-panel-head">
        <h2 id={id}>{props.title}</h2>
        {props.note !== undefined && <span className="bbcd-muted">{props.note}</span>}
        {props.aside !== undefined && <div className="bbcd-aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}
