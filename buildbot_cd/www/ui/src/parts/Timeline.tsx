// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import type { Leg } from '../model/landing';
import { clockSeconds, duration } from '../model/format';
import { Sign } from './Mark';

/** The way of a landing: a bar in proportion to the time, and the same as a list with reasons. */
export function Timeline({ legs }: { legs: Leg[] }) {
  return (
    <>
      <div className="bbcd-way" aria-hidden="true">
        {legs
          .filter((leg) => leg.share > 0)
          .map((leg) => (
            <span key={leg.seq} className={`bbcd-tone-${leg.tone}${leg.current ? ' bbcd-running' : ''}`} style={{ flexGrow: leg.share }} title={`${leg.label}: ${duration(leg.seconds)}`}>
              {leg.share > 0.1 && leg.label}
            </span>
          ))}
      </div>
      <ol className="bbcd-legs">
        {legs.map((leg) => (
          <li key={leg.seq} aria-current={leg.current ? 'step' : undefined}>
            <Sign tone={leg.tone} size={15} />
            <b>{leg.label}</b>
            <span className="bbcd-leg-why">
              {leg.reason}
              {leg.actor !== '' && <span className="bbcd-muted"> by {leg.actor}</span>}
            </span>
            <span className="bbcd-muted bbcd-num">{leg.seconds > 0 || leg.current ? duration(leg.seconds) : ''}</span>
            <time className="bbcd-muted bbcd-num">{clockSeconds(leg.at)}</time>
          </li>
        ))}
      </ol>
    </>
  );
}
