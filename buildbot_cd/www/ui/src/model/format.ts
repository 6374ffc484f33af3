// SPDX-License-Identifier: GPL-2.0-only
// Durations, moments and numbers as people read them. Input is seconds.

/** "8 s", "4 min 10 s", "2 h 05 min", "3 d 4 h". */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) {
    const rest = whole % 60;
    return rest === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${String(rest).padStart(2, '0')} s`;
  }
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** As `duration`, to one unit: for what counts up while one looks at it, and for narrow places. */
export function rough(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.round(whole / 60)} min`;
  if (whole < 36 * 3600) return `${Math.round(whole / 3600)} h`;
  return `${Math.round(whole / 86400)} d`;
}

export function ago(moment: number, now: number): string {
  return now - moment < 5 ? 'just now' : `${rough(now - moment)} ago`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** "14:05", with the day in front if it is not today's; in the viewer's time zone. */
export function clock(moment: number, now: number): string {
  const date = new Date(moment * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.toDateString() === new Date(now * 1000).toDateString() ? time : `${dayName(date)} ${time}`;
}

/** "14:05:09" */
export function clockSeconds(moment: number): string {
  const date = new Date(moment * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function dayName(date: Date): string {
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** "3 Nov", of a moment that begins a day in UTC. */
export function utcDay(moment: number): string {
  const date = new Date(moment * 1000);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

export function iso(moment: number | null): string {
  return moment === null ? '' : new Date(moment * 1000).toISOString();
}

/** "in 4 to 9 min", or the two clock times if that is far away; "any moment" once it is over. */
export function inRange(range: [number, number] | null, now: number): string {
  if (range === null) return 'no estimate';
  const [from, to] = [Math.max(0, range[0] - now), Math.max(0, range[1] - now)];
  if (to < 5) return 'any moment';
  if (to < 90) return `in ${Math.round(from)} to ${Math.round(to)} s`;
  if (to < 5400) {
    const [a, b] = [Math.floor(from / 60), Math.ceil(to / 60)];
    return a === b ? `in ${b} min` : `in ${a} to ${b} min`;
  }
  return `${clock(range[0], now)} to ${clock(range[1], now)}`;
}

/** The local part of an address is how colleagues know each other. */
export function person(address: string): string {
  const match = /<([^>]+)>/.exec(address);
  const plain = match?.[1] ?? address;
  const at = plain.indexOf('@');
  return at > 0 ? plain.slice(0, at) : plain || 'unknown';
}

export const short = (revision: string | null): string => (revision ?? '').slice(0, 10);

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

export function percent(share: number | null, digits = 0): string {
  return share === null ? '–' : `${(share * 100).toFixed(digits)} %`;
}

/** A rate or level with three figures that mean something. */
export function figure(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  if (size >= 0.001) return String(Number(value.toPrecision(3)));
  return value.toExponential(1);
}

/** Canary against control: "+38 %", "−4 %", "×6.2" once percent stop meaning much. */
export function change(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return '–';
  if (ratio >= 3) return `×${figure(Number(ratio.toPrecision(2)))}`;
  const points = Math.round((ratio - 1) * 100);
  if (points === 0) return '±0 %';
  return points < 0 ? `−${-points} %` : `+${points} %`;
}
