// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { applyDelta, countMarks, groups, passes, spoken, unpack, type Mark } from '../src/model/fleet';
import { fleet } from './values';

const COLUMNS = ['host', 'role', 'stage', 'desired', 'observed', 'previous', 'phase', 'mark', 'at', 'error'];
const delta = (...rows: (string | number | null)[][]) => ({ rollout: 4, at: 9, columns: COLUMNS, rows });

describe('the fleet', () => {
  it('unpacks numbers into texts', () => {
    const model = unpack(fleet());
    expect(model.hosts.get('api-1')).toMatchObject({ role: 'api', stage: 'canary', observed: 'r7', previous: 'r6', phase: 'healthy', mark: 'new', at: 6 });
    expect(model.hosts.get('web-2')?.address).toBe('10.0.0.2');
  });
  it('does not depend on the order of columns', () => {
    const packed = fleet();
    packed.columns.reverse();
    packed.hosts.forEach((row) => row.reverse());
    expect(unpack(packed).hosts.get('api-1')).toMatchObject({ stage: 'canary', mark: 'new' });
  });
  it('groups by stage, in the stages’ order, and sorts by role and number', () =>
    expect(groups(unpack(fleet())).map((one) => [one.stage, one.rows.map((row) => row.host)])).toEqual([['canary', ['api-1']], ['fleet', ['web-2', 'web-10']]]));
  it('applies a batch of changes and leaves the old model alone', () => {
    const before = unpack(fleet());
    const after = applyDelta(before, delta(['web-2', 'web', 'fleet', 'r7', 'r6', 'r6', 'failed', 'failed', 9, 'no route']));
    expect(after.hosts.get('web-2')).toMatchObject({ mark: 'failed', error: 'no route', address: '10.0.0.2' });
    expect(before.hosts.get('web-2')?.mark).toBe('old');
  });
  it('lets no older news undo newer news', () => {
    const after = applyDelta(unpack(fleet()), delta(['api-1', 'api', 'canary', 'r7', 'r6', 'r6', 'pending', 'old', 5, '']));
    expect(after.hosts.get('api-1')?.mark).toBe('new');
  });
  it('takes nothing from another rollout, nor of a host that it does not have', () => {
    const model = unpack(fleet());
    expect(applyDelta(model, { ...delta(['web-2', 'web', 'fleet', '', '', '', '', 'new', 9, '']), rollout: 5 })).toBe(model);
    expect(applyDelta(model, delta(['ghost', 'web', 'fleet', '', '', '', '', 'new', 9, ''])).hosts.size).toBe(3);
  });
  it('draws a mark that it does not know as old', () => {
    expect(applyDelta(unpack(fleet()), delta(['web-2', 'web', 'fleet', '', '', '', '', 'constructor', 9, ''])).hosts.get('web-2')?.mark).toBe('old');
  });
  it('filters by mark and by text', () => {
    const rows = [...unpack(fleet()).hosts.values()];
    const shown = (text: string, ...marks: Mark[]) => rows.filter((row) => passes(row, { text, marks: new Set(marks) })).map((row) => row.host);
    expect(shown('', 'new')).toEqual(['api-1']);
    expect(shown(' 10.0.0.2 ')).toEqual(['web-2']);
    expect(shown('WEB', 'new')).toEqual([]);
  });
  it('says the picture in words, the worst first', () => {
    const counts = countMarks(unpack(fleet()).hosts.values());
    expect(spoken({ ...counts, failed: 2 })).toBe('2 failed, 1 new, 2 old');
  });
});
