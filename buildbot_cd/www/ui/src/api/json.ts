// SPDX-License-Identifier: GPL-2.0-only

/** Characters that turn the direction of the text around them, ours included: a name could make a page lie. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

/** Whether a text of JSON may hold one of them, as itself or as an escape; a look at each text alone would take far longer. */
const MAY_TURN = /[\u202a-\u202e\u2066-\u2069]|\\u20(?:2[a-e]|6[6-9])/i;

/** What the master sent, with such characters replaced by the sign for one that cannot be shown. */
export function parseJson(text: string): unknown {
  if (!MAY_TURN.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? value.replace(TURNING, '\ufffd') : value));
}
