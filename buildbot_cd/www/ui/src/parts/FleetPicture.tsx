// SPDX-License-Identifier: GPL-2.0-only
// One mark a host, on a canvas: hundreds of hosts that change several times a second stay smooth.
import React, { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { passes, spoken, countMarks, type Filter, type HostRow, type Mark } from '../model/fleet';

const CELL = 18;
/** On a phone the marks are smaller, so that a fleet of hundreds is not three screens long. */
const NARROW = { below: 480, zoom: 0.75 };

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

type Colours = Record<Mark | 'text', string>;

const COLOUR: Colours = { old: 'idle', new: 'good', switching: 'busy', failed: 'bad', owed: 'warn', back: 'back', text: 'text' };

function colours(element: Element): Colours {
  const style = getComputedStyle(element);
  const entries = Object.entries(COLOUR).map(([mark, tone]) => [mark, style.getPropertyValue(`--bbcd-${tone}`).trim()]);
  return Object.fromEntries(entries) as Colours;
}

/** What the canvas shows: whatever is the same now is not drawn again. */
interface Drawn {
  shape: string;
  colour: Colours;
  cells: string[];
}

/** Give the canvas its size, which also clears it. */
function fit(element: HTMLCanvasElement, pen: CanvasRenderingContext2D, width: number, height: number, zoom: number): void {
  const scale = window.devicePixelRatio || 1;
  element.width = width * scale;
  element.height = height * scale;
  pen.setTransform(scale * zoom, 0, 0, scale * zoom, 0, 0);
}

/** `cell`: the mark, then whether it is faint, and whether it is selected. */
function drawCell(pen: CanvasRenderingContext2D, cell: string, left: number, top: number, colour: Colours): void {
  const [mark, ...more] = cell.split(' ') as [Mark, ...string[]];
  pen.clearRect(left, top, CELL, CELL);
  pen.globalAlpha = more.includes('faint') ? 0.13 : 1;
  drawMark(pen, mark, left + CELL / 2, top + CELL / 2, colour[mark]);
  if (!more.includes('selected')) return;
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.strokeStyle = colour.text;
  pen.strokeRect(left + 0.75, top + 0.75, CELL - 1.5, CELL - 1.5);
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
  const zoom = width < NARROW.below ? NARROW.zoom : 1;
  const size = CELL * zoom;
  const columns = Math.max(1, Math.floor(width / size));
  const height = Math.ceil(rows.length / columns) * size;

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const drawn = useRef<Drawn | null>(null);
  // In the frame that shows the new counts too: a frame of its own for each picture costs every open tab as much again.
  useLayoutEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (!element || !pen || width === 0) return;
    const shape = `${width} ${height} ${window.devicePixelRatio} ${theme}`;
    const known = drawn.current;
    if (known?.shape !== shape) fit(element, pen, width, height, zoom);
    const colour = known?.shape === shape ? known.colour : colours(element);
    const cells = rows.map((row) => `${row.mark}${passes(row, filter) ? '' : ' faint'}${row.host === selected ? ' selected' : ''}`);
    cells.forEach((cell, index) => {
      if (known?.shape === shape && known.cells[index] === cell) return;
      drawCell(pen, cell, (index % columns) * CELL, Math.floor(index / columns) * CELL, colour);
    });
    drawn.current = { shape, colour, cells };
  }, [rows, filter, selected, width, height, columns, zoom, theme]);

  const pick = (event: React.MouseEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / size);
    const row = rows[Math.floor((event.clientY - box.top) / size) * columns + column];
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
