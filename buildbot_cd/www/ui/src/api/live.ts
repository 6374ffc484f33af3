// SPDX-License-Identifier: GPL-2.0-only
// Events over a websocket of our own: Buildbot's client does not connect again after a loss, and derives
// other paths than ours. Opened by the first subscription, closed some seconds after the last one.

import { parseJson } from './json';

export type Handler = (key: string, message: unknown) => void;
export type LinkState = 'connecting' | 'up' | 'down';

interface Subscription {
  path: string;
  handler: Handler;
}

const LINGER = 5_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/** True if `key` is one of those that `path` means; `*` stands for one part. */
export function matches(path: string, key: string): boolean {
  const wanted = path.split('/');
  const parts = key.split('/');
  return wanted.length === parts.length && wanted.every((part, i) => part === '*' || part === parts[i]);
}

/** The paths of these that no other one of them means too: the server sends an event once for each path that it is asked for. */
export function widest(paths: Iterable<string>): Set<string> {
  const all = new Set(paths);
  return new Set([...all].filter((path) => ![...all].some((other) => other !== path && matches(other, path))));
}

export class Live {
  private socket: WebSocket | null = null;
  private subscriptions = new Set<Subscription>();
  private watchers = new Set<() => void>();
  private pause = FIRST_PAUSE;
  private timer: number | undefined;
  private nextId = 1;
  /** What this socket has asked the server for. */
  private consumed = new Set<string>();
  /** Subscriptions that the server has not confirmed yet, by the number of their frame. */
  private unconfirmed = new Set<number>();
  state: LinkState = 'connecting';
  /** When the link was lost, in milliseconds of this machine; null while it is up. */
  lostAt: number | null = null;

  /** `chance`: between 0 and 1; spreads the tabs of a company that all lose the same master at once. */
  constructor(
    private readonly address: () => string,
    private readonly chance: () => number = Math.random,
  ) {}

  /** Calls `handler` for each event below `path` until the returned function is called. */
  subscribe(path: string, handler: Handler): () => void {
    const subscription = { path, handler };
    this.subscriptions.add(subscription);
    if (this.state === 'up') this.consume();
    this.ensure();
    return () => {
      this.subscriptions.delete(subscription);
      this.consume();
      if (this.subscriptions.size === 0) window.setTimeout(() => this.closeIfIdle(), LINGER);
    };
  }

  /** Calls `watcher` whenever `state` changes; the subscriptions are renewed by then. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Connect at once instead of at the end of the pause. */
  retry(): void {
    if (this.state !== 'down') return;
    window.clearTimeout(this.timer);
    this.open();
  }

  private ensure(): void {
    if (this.socket === null && this.timer === undefined) this.open();
  }

  private open(): void {
    this.timer = undefined;
    const socket = new WebSocket(this.address());
    this.socket = socket;
    socket.onopen = () => {
      this.consumed.clear();
      this.consume();
      if (this.unconfirmed.size === 0) this.up();
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.lost(socket);
    socket.onerror = () => socket.close();
  }

  private up(): void {
    this.pause = FIRST_PAUSE;
    this.lostAt = null;
    this.become('up');
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.unconfirmed.clear();
    if (this.subscriptions.size === 0) {
      this.state = 'connecting';
      return;
    }
    this.lostAt ??= Date.now();
    this.become('down');
    this.timer = window.setTimeout(() => this.open(), this.pause * (0.5 + this.chance()));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  private become(state: LinkState): void {
    if (state === this.state) return;
    this.state = state;
    this.watchers.forEach((watcher) => watcher());
  }

  /** Ask for what is wanted, and only then give up what is not: no event is missed in between. */
  private consume(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const wanted = widest([...this.subscriptions].map((one) => one.path));
    for (const path of wanted) if (!this.consumed.has(path)) this.command('startConsuming', path);
    for (const path of this.consumed) if (!wanted.has(path)) this.command('stopConsuming', path);
    this.consumed = wanted;
  }

  private command(cmd: string, path: string): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const id = this.nextId++;
    if (cmd === 'startConsuming') this.unconfirmed.add(id);
    this.socket.send(JSON.stringify({ cmd, path, _id: id }));
  }

  private receive(data: unknown): void {
    const frame = parse(data);
    if (typeof frame.k === 'string') {
      const key = frame.k;
      for (const { path, handler } of [...this.subscriptions]) if (matches(path, key)) handler(key, frame.m);
    } else if (typeof frame._id === 'number' && this.unconfirmed.delete(frame._id) && this.unconfirmed.size === 0) {
      this.up();
    }
  }

  private closeIfIdle(): void {
    if (this.subscriptions.size > 0) return;
    window.clearTimeout(this.timer);
    this.timer = undefined;
    this.socket?.close();
  }
}

function parse(data: unknown): { k?: unknown; m?: unknown; _id?: unknown } {
  try {
    const frame: unknown = parseJson(String(data));
    return frame !== null && typeof frame === 'object' ? frame : {};
  } catch {
    return {};
  }
}

export const live = new Live(() => {
  const address = new URL('ws', document.baseURI.split('#')[0]);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
});
