// SPDX-License-Identifier: GPL-2.0-only
// One mark a host, on a canvas: hundreds of hosts that change several times a second stay smooth.
import React, { useEffect, useRef, useState } from 'react';
import { passes, spoken, countMarks, type Filter, type HostRow, type Mark } from '../model/fleet';

const CELL = 18;

/** Colour and shape of a mark; the shapes differ in outline, so that they hold in greyscale and at a glance. */
export function drawMark(pen: CanvasRenderingContext2D, mark: Mark, x: number, y: number, colour: string, r = 5.5): void {
  pen.strokeStyle = colour;
  pen.fillStyle = colour;
  pen.lineWidth = 1.8;
  pen.lineCap = 'round';
  pen.beginPath();
  switch (mark) {
    case 'old':
      pen.arc(x, y, r - 2, 0, 7);
      pen.stroke();
      break;
    case 'new':
      pen.arc(x, y, r, 0, 7);
      pen.fill();
      break;
    case 'switching':
      pen.moveTo(x, y - r - 1);
      pen.lineTo(x + r + 1, y);
      pen.lineTo(x, y + r + 1);
      pen.lineTo(x - r - 1, y);
      pen.closePath();
      pen.stroke();
      pen.beginPath();
      pen.moveTo(x, y - r - 1);
      pen.lineTo(x + r + 1, y);
      pen.lineTo(x, y + r + 1);
      pen.closePath();
      pen.fill();
      break;
    case 'failed':
      pen.lineWidth = 2.6;
      pen.moveTo(x - r + 1, y - r + 1);
      pen.lineTo(x + r - 1, y + r - 1);
      pen.moveTo(x + r - 1, y - r + 1);
      pen.lineTo(x - r + 1, y + r - 1);
      pen.stroke();
      break;
    case 'owed':
      pen.moveTo(x, y - r);
      pen.lineTo(x + r, y + r - 1);
      pen.lineTo(x - r, y + r - 1);
      pen.closePath();
      pen.stroke();
      break;
    case 'back':
      pen.rect(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2);
      pen.fill();
      break;
  }
}

const COLOUR: Record<Mark, string> = { old: 'idle', new: 'good', switching: 'busy', failed: 'bad', owed: 'warn', back: 'back' };

function colours(element: Element): Record<Mark, string> {
  const style = getComputedStyle(element);
  const entries = Object.entries(COLOUR).map(([mark, tone]) => [mark, style.getPropertyValue(`--bbcd-${tone}`).trim()]);
  return Object.fromEntries(entries) as Record<Mark, string>;
}

interface Props {
  label: string;
  rows: HostRow[];
  filter: Filter;
  selected: string | null;
  select: (host: string | null) => void;
  theme: string;
}

export function FleetPicture({ label, rows, filter, selected, select, theme }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const columns = Math.max(1, Math.floor(width / CELL));
  const height = Math.ceil(rows.length / columns) * CELL;

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (!element || !pen || width === 0) return;
    const scale = window.devicePixelRatio || 1;
    if (element.width !== width * scale) element.width = width * scale;
    if (element.height !== height * scale) element.height = height * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const colour = colours(element);
    rows.forEach((row, index) => {
      const x = (index % columns) * CELL + CELL / 2;
      const y = Math.floor(index / columns) * CELL + CELL / 2;
      pen.globalAlpha = passes(row, filter) ? 1 : 0.13;
      drawMark(pen, row.mark, x, y, colour[row.mark]);
      if (row.host === selected) {
        pen.globalAlpha = 1;
        pen.lineWidth = 1.5;
        pen.strokeStyle = getComputedStyle(element).color;
        pen.strokeRect(x - CELL / 2 + 0.75, y - CELL / 2 + 0.75, CELL - 1.5, CELL - 1.5);
      }
    });
  }, [rows, filter, selected, width, height, columns, theme]);

  const pick = (event: React.MouseEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / CELL);
    const row = rows[Math.floor((event.clientY - box.top) / CELL) * columns + column];
    if (column < columns) select(row?.host ?? null);
  };
  const move = (event: React.KeyboardEvent) => {
    const step: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const by = step[event.key];
    if (event.key === 'Escape') select(null);
    if (by === undefined) return;
    event.preventDefault();
    const at = rows.findIndex((row) => row.host === selected);
    const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next !== undefined) select(next.host);
  };
  return (
    <canvas
      ref={canvas}
      className="bbcd-fleet"
      style={{ height }}
      tabIndex={0}
      role="application"
      aria-roledescription="picture of hosts"
      aria-label={`${label}: ${spoken(countMarks(rows))}. Arrow keys go from host to host; the table below the switch says the same.`}
      onClick={pick}
      onMouseMove={pick}
      onKeyDown={move}
    />
  );
}

/** The same marks for the legend. */
export function MarkSign({ mark, theme }: { mark: Mark; theme: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (!element || !pen) return;
    const scale = window.devicePixelRatio || 1;
    element.width = element.height = 16 * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    drawMark(pen, mark, 8, 8, colours(element)[mark]);
  }, [mark, theme]);
  return <canvas ref={canvas} className="bbcd-mark" aria-hidden="true" />;
}
