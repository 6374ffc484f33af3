// SPDX-License-Identifier: GPL-2.0-only
// Reading and acting over Buildbot's REST API. Addresses are relative to the page, which may be behind a prefix.

import { parseJson } from './json';

/** What went wrong, in words for people. `status` 0: the master did not answer. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: number | null = null,
  ) {
    super(message);
  }

  get stale(): boolean {
    return this.code === -32002;
  }

  get forbidden(): boolean {
    return this.status === 403;
  }
}

export interface Answer<T> {
  items: T[];
  total: number | null;
}

/** Seconds by which the master's clock is ahead of this one; 0 while they agree to within two seconds. */
let clockAhead = 0;

export function serverNow(): number {
  return Date.now() / 1000 + clockAhead;
}

export function setClock(now: number): void {
  const ahead = now - Date.now() / 1000;
  clockAhead = Math.abs(ahead) > 2 ? ahead : 0;
}

export function addressOf(path: string): string {
  return new URL(`api/v2/${path}`, document.baseURI.split('#')[0]).href;
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.text().then(parseJson).catch(() => null);
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return new ApiError(error, response.status);
  if (error !== null && typeof error === 'object') {
    const { message, code } = error as { message?: unknown; code?: unknown };
    return new ApiError(
      typeof message === 'string' ? message : `the master answered ${response.status}`,
      response.status,
      typeof code === 'number' ? code : null,
    );
  }
  return new ApiError(`the master answered ${response.status}`, response.status);
}

/** What the page that is being opened will ask for first, asked while Buildbot's own page still starts. */
const early = new Map<string, Promise<Response | null>>();
const EARLY_FOR = 5000;

export function readEarly(paths: string[]): void {
  for (const path of paths) {
    const request = fetch(addressOf(path), { credentials: 'same-origin', headers: { accept: 'application/json' } });
    early.set(path, request.catch(() => null));
  }
  window.setTimeout(() => early.clear(), EARLY_FOR);
}

/** By the part of the page's address behind `#`; the slowest and the first things of the pages that people open. */
export function firstReads(route: string): string[] {
  if (route === '/cd') return ['cd/gates'];
  const one = /^\/cd\/(rollouts|landings|incidents)\/(\d+)$/.exec(route);
  if (one === null) return [];
  const path = `cd/${one[1]}/${one[2]}`;
  return one[1] === 'rollouts' ? [path, `${path}/hosts`] : [path];
}

/** The answer that was asked for early, once; null if there is none. */
async function taken(path: string, init: RequestInit): Promise<Response | null> {
  const found = init.method === undefined ? early.get(path) : undefined;
  early.delete(path);
  return found === undefined ? null : found;
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = (await taken(path, init)) ?? (await fetch(addressOf(path), { credentials: 'same-origin', ...init }));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('the master does not answer', 0);
  }
  if (!response.ok) throw await errorOf(response);
  return parseJson(await response.text());
}

/** `GET` of a list or of one object; `key` is the answer's key, such as `landings`. */
export async function read<T>(path: string, key: string, signal?: AbortSignal): Promise<Answer<T>> {
  const body = (await ask(path, { signal, headers: { accept: 'application/json' } })) as Record<string, unknown>;
  const items = body[key];
  if (!Array.isArray(items)) throw new ApiError(`the answer has no ${key}`, 200);
  const total = (body.meta as { total?: unknown } | undefined)?.total;
  return { items: items as T[], total: typeof total === 'number' ? total : null };
}

/** A control action; returns what the server answers, or throws an ApiError with the server's own sentence. */
export async function act(path: string, method: string, params: Record<string, unknown>): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await ask(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  return (answer as { result?: unknown }).result;
}
