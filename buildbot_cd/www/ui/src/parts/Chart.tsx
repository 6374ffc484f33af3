// SPDX-License-Identifier: GPL-2.0-only
// Lines over time with uPlot: a null is a gap, and stays one.
import React, { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockSeconds, figure } from '../model/format';

type Values = (number | null)[];

export interface Line {
  label: string;
  values: Values;
  tone: 'busy' | 'idle' | 'bad';
  dashed?: boolean;
}

interface Props {
  label: string;
  times: number[];
  lines: Line[];
  band?: { low: Values; high: Values };
  /** A level that is drawn across: 1 for ratios. */
  level?: number;
  height?: number;
  format?: (value: number) => string;
  /** What lies along the chart if it is not moments: how it is written, and that each value is a point of its own. */
  along?: (value: number) => string;
  /** Distances that marks of an axis may have, along and upwards; round decimal ones if left out. */
  steps?: { along?: number[]; up?: number[] };
  theme: string;
}

export function Chart({ label, times, lines, band, level, height = 120, format = figure, along, steps, theme }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = `${theme} ${lines.map((line) => line.label).join()} ${band !== undefined} ${level ?? ''} ${height}`;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const data = rowsOf(times, lines, band);
    const made = new uPlot(optionsOf(element, { lines, band, level, height, format, along, steps }), data, element);
    plot.current = made;
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0) made.setSize({ width, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // the data of later renders comes in below, without making the chart again
    // eslint-disable-next-line
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(rowsOf(times, lines, band));
  });

  return <div ref={place} className="bbcd-chart" role="img" aria-label={label} style={{ height }} />;
}

function rowsOf(times: number[], lines: Line[], band: Props['band']): uPlot.AlignedData {
  const more = band === undefined ? [] : [band.high, band.low];
  return [times, ...lines.map((line) => line.values), ...more];
}

type Shape = Pick<Props, 'lines' | 'band' | 'level' | 'along' | 'steps'> & { height: number; format: (value: number) => string };

function optionsOf(element: HTMLElement, { lines, band, level, height, format, along, steps }: Shape): uPlot.Options {
  const banded = band !== undefined;
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--bbcd-${name}`).trim();
  const axis = { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const drawn = lines.map((line) => ({
    label: line.label,
    stroke: colour(line.tone),
    width: line.dashed ? 1.5 : 2,
    dash: line.dashed ? [5, 4] : undefined,
    spanGaps: false,
    points: along === undefined ? { show: false } : { show: true, size: 5, fill: colour(line.tone) },
  }));
  const hidden = { stroke: 'transparent', points: { show: false }, spanGaps: false };
  return {
    width: Math.max(60, element.clientWidth),
    height,
    padding: [8, along === undefined ? 6 : 24, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: along === undefined }, y: { range: (_u, min, max) => rangeOf(min, max, level) } },
    axes: [
      { ...axis, incrs: steps?.along, space: along === undefined ? 80 : 50, size: 24, values: (_u, splits) => splits.map((at) => (along ?? clockSeconds)(at)) },
      { ...axis, incrs: steps?.up, space: 28, size: 56, values: (_u, splits) => splits.map((value) => format(value)) },
    ],
    series: [{}, ...drawn, ...(banded ? [hidden, hidden] : [])],
    bands: banded ? [{ series: [lines.length + 1, lines.length + 2], fill: colour('band') }] : [],
    hooks: { draw: level === undefined ? [] : [(u) => across(u, level, colour('line-strong'))] },
  };
}

function rangeOf(min: number | null, max: number | null, level: number | undefined): [number, number] {
  const [low, high] = [Math.min(min ?? 0, level ?? Infinity), Math.max(max ?? 1, level ?? -Infinity)];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

function across(u: uPlot, level: number, stroke: string): void {
  const y = u.valToPos(level, 'y', true);
  u.ctx.save();
  u.ctx.strokeStyle = stroke;
  u.ctx.lineWidth = window.devicePixelRatio;
  u.ctx.beginPath();
  u.ctx.moveTo(u.bbox.left, y);
  u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
  u.ctx.stroke();
  u.ctx.restore();
}
