// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import { Link } from 'react-router-dom';
import type { Landing } from '../api/types';
import { person } from '../model/format';
import { Avatar } from './Mark';

/** Number, subject and engineer: how a landing is named everywhere. */
export function LandingLine({ landing, children }: { landing: Landing; children?: React.ReactNode }) {
  return (
    <div className="bbcd-landing">
      <Avatar name={person(landing.engineer)} />
      <div className="bbcd-landing-text">
        <Link to={`/cd/landings/${landing.id}`} className="bbcd-subject" title={landing.subject}>
          {landing.subject || 'no subject'}
        </Link>
        <span className="bbcd-muted">
          #{landing.id} · {person(landing.engineer)}
          {children}
        </span>
      </div>
    </div>
  );
}
