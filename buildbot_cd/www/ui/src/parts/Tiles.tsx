// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import type { Tile } from '../model/history';

/** Figures, each with what it was counted from. */
export function Tiles({ tiles }: { tiles: Tile[] }) {
  return (
    <ul className="bbcd-tiles">
      {tiles.map((tile) => (
        <li key={tile.key}>
          <span className="bbcd-muted">{tile.name}</span>
          <b className="bbcd-num">{tile.value}</b>
          <span className="bbcd-muted">{tile.basis}</span>
          {tile.more !== '' && <span className="bbcd-muted">{tile.more}</span>}
        </li>
      ))}
    </ul>
  );
}
