// SPDX-License-Identifier: GPL-2.0-only
import React from 'react';
import type { Schedule } from '../model/landing';
import { duration, percent } from '../model/format';

const ROW = 20;
const WIDTH = 1000;

/** Which worker ran what and when, against the end that no schedule can beat. */
export const SchedulePicture = React.memo(function SchedulePicture({ schedule }: { schedule: Schedule }) {
  const { start, end, bound, lanes } = schedule;
  const span = end - start || 1;
  const x = (at: number) => ((at - start) / span) * WIDTH;
  const height = lanes.length * ROW;
  return (
    <figure className="bbcd-schedule">
      <div className="bbcd-schedule-names">
        {lanes.map((lane) => (
          <span key={lane.worker} title={`${lane.worker}: busy ${duration(lane.busy)}`}>
            {lane.worker}
          </span>
        ))}
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" style={{ height }} role="img" aria-label={spoken(schedule)}>
        {lanes.map((lane, row) =>
          lane.blocks.map((block) => (
            <rect key={block.nid} className={`bbcd-tone-${block.tone}`} x={x(block.from)} y={row * ROW + 3} width={Math.max(0.8, x(block.to) - x(block.from) - 0.8)} height={ROW - 6}>
              <title>{`${block.nid}: ${block.outcome}, ${duration(block.to - block.from)}`}</title>
            </rect>
          )),
        )}
        {bound !== null && <line x1={x(bound)} x2={x(bound)} y1={0} y2={height} className="bbcd-bound" vectorEffect="non-scaling-stroke" />}
      </svg>
      <figcaption className="bbcd-key">
        <span>{duration(span)} in all</span>
        {bound !== null && <span className="bbcd-key-bound">bound {duration(bound - start)}</span>}
      </figcaption>
    </figure>
  );
});

function spoken({ start, end, bound, lanes }: Schedule): string {
  const span = end - start || 1;
  const rows = lanes.map((lane) => `${lane.worker} ${lane.blocks.length} tests, busy ${percent(lane.busy / span)}`);
  return `Schedule of ${duration(span)}${bound === null ? '' : `, bound ${duration(bound - start)}`}: ${rows.join('; ')}`;
}
