// SPDX-License-Identifier: GPL-2.0-only
// Comma-separated values that a spreadsheet opens without running what a commit message says.

export type Value = string | number | boolean | null;

const FORMULA = /^[=+\-@\t\r]/;

function cell(value: Value): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** RFC 4180, with a heading; texts that a spreadsheet would take for a formula get a leading apostrophe. */
export function csv(heading: string[], rows: Value[][]): string {
  return [heading, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
