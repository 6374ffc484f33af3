// SPDX-License-Identifier: GPL-2.0-only

/** Characters that turn the direction of the text around them, ours included: a name could make a page lie. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

/** What the master sent, with such characters replaced by the sign for one that cannot be shown. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? value.replace(TURNING, '\ufffd') : value));
}
