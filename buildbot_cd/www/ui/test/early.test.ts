// SPDX-License-Identifier: GPL-2.0-only
import { afterEach, expect, test, vi } from 'vitest';
import { firstReads, read, readEarly } from '../src/api/client';

afterEach(() => vi.unstubAllGlobals());

function answering(...answers: (() => Response)[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal('window', { setTimeout: () => 0 });
  vi.stubGlobal('document', { baseURI: 'http://master/' });
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new Error('no')) : Promise.resolve(answer());
  });
  return asked;
}

const gates = (name: string) => () => new Response(JSON.stringify({ gates: [{ name }], meta: { total: 1 } }));

test('what was asked for early is used once, and read anew afterwards', async () => {
  const asked = answering(gates('first'), gates('second'));
  readEarly(['cd/gates']);
  expect((await read<{ name: string }>('cd/gates', 'gates')).items[0]?.name).toBe('first');
  expect((await read<{ name: string }>('cd/gates', 'gates')).items[0]?.name).toBe('second');
  expect(asked).toEqual(['http://master/api/v2/cd/gates', 'http://master/api/v2/cd/gates']);
});

test('what failed early is asked for again', async () => {
  const asked = answering();
  readEarly(['cd/gates']);
  await expect(read('cd/gates', 'gates')).rejects.toThrow('the master does not answer');
  expect(asked).toHaveLength(2);
});

test('each page has its own first questions, and pages that are not ours none', () => {
  expect(firstReads('/cd')).toEqual(['cd/gates']);
  expect(firstReads('/cd/rollouts/12')).toEqual(['cd/rollouts/12', 'cd/rollouts/12/hosts']);
  expect([firstReads('/builders'), firstReads('/cd/rollouts/x'), firstReads('')]).toEqual([[], [], []]);
});
