// SPDX-License-Identifier: GPL-2.0-only
// What the signed-in person may do, asked before anything is tried; the master's rules answer.
import { useEffect, useState } from 'react';
import { parseJson } from './json';

/** By action why not, or ''. */
type Rights = Record<string, string>;

/** A page with a long queue asks for many objects at once: they go out together, and are asked for again after a minute. */
const GATHER = 20;
const FRESH = 60_000;
const MOST = 50;

const known = new Map<string, { rights: Rights; at: number }>();
const listeners = new Set<() => void>();
let wanted = new Set<string>();
let timer: number | undefined;

function want(addresses: string[]): void {
  for (const one of addresses) if (Date.now() - (known.get(one)?.at ?? 0) > FRESH) wanted.add(one);
  if (wanted.size > 0) timer ??= window.setTimeout(() => void send(), GATHER);
}

async function send(): Promise<void> {
  const all = [...wanted].sort();
  wanted = new Set();
  timer = undefined;
  for (let i = 0; i < all.length; i += MOST) {
    const answer = await ask(all.slice(i, i + MOST)).catch(() => null);
    // Whoever cannot be told is not hindered: the master refuses by itself what is not permitted.
    for (const one of all.slice(i, i + MOST)) known.set(one, { rights: answer?.[one] ?? {}, at: Date.now() });
  }
  listeners.forEach((listener) => listener());
}

async function ask(addresses: string[]): Promise<Record<string, Rights> | null> {
  const query = addresses.map((one) => `of=${encodeURIComponent(one)}`).join('&');
  const response = await fetch(new URL(`plugins/cd/may?${query}`, document.baseURI.split('#')[0]).href, { credentials: 'same-origin' });
  if (!response.ok) return null;
  const answer = parseJson(await response.text()) as { may?: unknown };
  return typeof answer.may === 'object' ? (answer.may as Record<string, Rights>) : null;
}

/** Why this person may not do this to that object, in the master's words; null if they may, or while it is not known. */
export function useMay(addresses: string[]): (address: string, method: string) => string | null {
  const [, renew] = useState(0);
  const all = [...new Set(addresses)].sort().join(' ');
  useEffect(() => {
    if (all === '') return undefined;
    const heard = () => renew((n) => n + 1);
    listeners.add(heard);
    want(all.split(' '));
    return () => void listeners.delete(heard);
  }, [all]);
  return (address, method) => {
    const why = known.get(address)?.rights[method];
    return why ? `Not permitted: ${why}.` : null;
  };
}
