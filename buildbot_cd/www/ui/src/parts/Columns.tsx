// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';

/** The head of a table: the names of its columns. */
export function Columns({ names }: { names: React.ReactNode[] }) {
  return (
    <thead>
      <tr>
        {names.map((name, at) => (
          <th key={at} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
