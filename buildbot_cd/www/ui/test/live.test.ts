// SPDX-License-Identifier: GPL-2.0-only
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Live, matches } from '../src/api/live';

class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  sent: { cmd: string; path: string; _id: number }[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: () => void = () => undefined;
  onerror: () => void = () => undefined;
  constructor() {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
    this.onclose();
  }
  open() {
    this.readyState = 1;
    this.onopen();
    this.sent.forEach((frame) => this.onmessage({ data: JSON.stringify({ code: 200, _id: frame._id }) }));
  }
  tell(k: string, m: unknown) {
    this.onmessage({ data: JSON.stringify({ k, m }) });
  }
}
const last = () => Socket.all.at(-1) as Socket;

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('window', globalThis);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('matching', () => {
  it.each([
    ['cd/landings/*/*', 'cd/landings/7/queued', true], ['cd/landings/*/*', 'cd/landings/7', false], ['cd/gates/trunk/moved', 'cd/gates/other/moved', false],
    ['cd/rollouts/4/*', 'cd/rollouts/4/hosts', true],
  ])('%s and %s: %s', (path, key, expected) => expect(matches(path, key)).toBe(expected));
});

describe('the link', () => {
  it('asks once for what two paths mean, and for the narrow one when the wide one goes', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    const [wide, narrow] = [vi.fn(), vi.fn()];
    live.subscribe('cd/rollouts/4/hosts', narrow);
    const end = live.subscribe('cd/rollouts/4/*', wide);
    last().open();
    expect(last().sent.map((frame) => [frame.cmd, frame.path])).toEqual([['startConsuming', 'cd/rollouts/4/*']]);
    last().tell('cd/rollouts/4/hosts', {});
    expect([wide.mock.calls.length, narrow.mock.calls.length]).toEqual([1, 1]);
    end();
    expect(last().sent.slice(1).map((frame) => [frame.cmd, frame.path])).toEqual([['startConsuming', 'cd/rollouts/4/hosts'], ['stopConsuming', 'cd/rollouts/4/*']]);
  });

  it('asks for each path once and gives its events to all who want them', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    const [one, two] = [vi.fn(), vi.fn()];
    live.subscribe('cd/landings/*/*', one);
    live.subscribe('cd/landings/*/*', two);
    last().open();
    expect(last().sent.map((frame) => [frame.cmd, frame.path])).toEqual([['startConsuming', 'cd/landings/*/*']]);
    last().tell('cd/landings/7/queued', { id: 7 });
    last().tell('cd/gates/trunk/moved', {});
    expect([one.mock.calls, two.mock.calls.length]).toEqual([[['cd/landings/7/queued', { id: 7 }]], 1]);
    expect(live.state).toBe('up');
  });
  it('connects again with growing pauses, asks anew, and tells when it is back', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    live.subscribe('a/b', vi.fn());
    last().open();
    const states: string[] = [];
    live.watch(() => states.push(live.state));
    last().close();
    vi.advanceTimersByTime(1000);
    expect(Socket.all).toHaveLength(2);
    last().close();
    vi.advanceTimersByTime(1000);
    expect(Socket.all).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    last().open();
    expect([Socket.all.length, last().sent[0]?.path, states]).toEqual([3, 'a/b', ['down', 'up']]);
  });
  it('is up only once the master has confirmed what it will send', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    live.subscribe('a/b', vi.fn());
    last().readyState = 1;
    last().onopen();
    expect(live.state).toBe('connecting');
    last().onmessage({ data: '{"code":200,"_id":1}' });
    expect(live.state).toBe('up');
  });
  it('survives frames that are no JSON', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    live.subscribe('a/b', vi.fn());
    last().open();
    last().onmessage({ data: 'not json' });
    last().onmessage({ data: 'null' });
    expect(live.state).toBe('up');
  });
  it('hangs up when nobody listens any more, and does not come back by itself', () => {
    const live = new Live(() => 'ws://x', () => 0.5);
    const end = live.subscribe('a/b', vi.fn());
    last().open();
    end();
    expect(last().sent.at(-1)?.cmd).toBe('stopConsuming');
    vi.advanceTimersByTime(60_000);
    expect([last().readyState, Socket.all.length]).toEqual([3, 1]);
  });
});
