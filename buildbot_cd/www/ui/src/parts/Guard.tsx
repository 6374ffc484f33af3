// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import { Sign } from './Mark';

/** An error of ours takes this page's content, not Buildbot's whole interface; what was wrong can be read and reported. */
export class Guard extends React.Component<{ children: React.ReactNode }, { error: Error | null }> {
  state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  render(): React.ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className="bbcd-empty bbcd-failure" role="alert">
        <Sign tone="bad" size={28} />
        <h3>This page has an error of its own</h3>
        <p>
          Nothing is wrong with your deployment because of it. Please report it with these words: <code>{error.message}</code>
        </p>
        <button type="button" className="bbcd-button" onClick={() => this.setState({ error: null })}>
          Show the page again
        </button>
      </div>
    );
  }
}
