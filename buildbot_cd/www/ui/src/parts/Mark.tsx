// SPDX-License-Identifier: GPL-2.0-only
// Signs: each tone has a shape of its own beside its colour.
import React from 'react';
import { landingLook, rolloutLook, type Tone } from '../model/states';

const SHAPES: Record<Tone, React.ReactNode> = {
  idle: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="2" />,
  busy: (
    <>
      <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="2" />
      <path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor" />
    </>
  ),
  good: <path d="M3 8.5l3.2 3.2L13 4.9" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" strokeLinejoin="round" />,
  warn: <path d="M8 2.2l6.3 11.3H1.7zM8 6.4v3.4M8 11.4v.6" fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinejoin="round" strokeLinecap="round" />,
  bad: <path d="M4 4l8 8M12 4l-8 8" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />,
  back: <path d="M6.5 3.5L3 7l3.5 3.5M3.4 7H10a3 3 0 0 1 0 6H8" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round" />,
};

export function Sign({ tone, size = 16 }: { tone: Tone; size?: number }) {
  return (
    <svg className={`bbcd-sign bbcd-tone-${tone}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  );
}

export function Badge({ tone, label }: { tone: Tone; label: string }) {
  return (
    <span className={`bbcd-badge bbcd-tone-${tone}`}>
      <Sign tone={tone} size={13} />
      {label}
    </span>
  );
}

export function LandingBadge({ state }: { state: string }) {
  return <Badge {...landingLook(state)} />;
}

export function RolloutBadge({ state }: { state: string }) {
  return <Badge {...rolloutLook(state)} />;
}

/** The letter of an engineer in a round; the colour follows the name, and says nothing else. */
export function Avatar({ name }: { name: string }) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);
  return (
    <span className="bbcd-avatar" style={{ '--bbcd-hue': hue } as React.CSSProperties} aria-hidden="true">
      {(name[0] ?? '?').toUpperCase()}
    </span>
  );
}
