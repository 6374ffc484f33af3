// SPDX-License-Identifier: GPL-2.0-only
// One run of tests: how far, on which workers, what failed, why each test was chosen, what would make it shorter.
import React, { useMemo, useState } from 'react';
import type { Run, RunTest } from '../api/types';
import { useResource } from '../api/useResource';
import { boundSays, runName, scheduleOf } from '../model/landing';
import { clock, count, duration } from '../model/format';
import { outcomeTone } from '../model/states';
import { Columns } from './Columns';
import { Empty, Loaded } from './feedback';
import { Badge, Sign } from './Mark';
import { SchedulePicture } from './SchedulePicture';
import { Panel } from './Shell';
import { useNow } from './useNow';

export function RunPanel({ run }: { run: Run }) {
  const tests = useResource<RunTest>(`cd/runs/${run.id}/tests`, 'tests', run.state === 'done' ? [] : [`cd/runs/${run.id}/updated`], 3000);
  const now = useNow(30_000);
  const { counts } = run;
  const told = `${counts.done} of ${count(counts.total, 'test')}${counts.failed > 0 ? `, ${counts.failed} failed` : ''}`;
  return (
    <Panel title={`${runName(run.kind)}, run ${run.id}`} note={`${clock(run.created_at, now)} · ${told}`} aside={<RunBadge run={run} />}>
      {run.error !== '' && <p className="bbcd-body bbcd-error">{run.error}</p>}
      <Notes run={run} />
      <Loaded from={tests} lines={4}>
        {(all) => <Tests run={run} tests={all} />}
      </Loaded>
    </Panel>
  );
}

function RunBadge({ run }: { run: Run }) {
  if (run.state !== 'done') return <Badge tone="busy" label={run.state === 'planning' ? 'Planning' : 'Running'} />;
  if (run.error !== '') return <Badge tone="warn" label="No answer" />;
  return run.counts.failed > 0 ? <Badge tone="bad" label={`${run.counts.failed} failed`} /> : <Badge tone="good" label="Passed" />;
}

function Notes({ run }: { run: Run }) {
  const { everything, chosen, left_out } = run.selection;
  const notes: { key: string; tone: 'idle' | 'warn'; text: string }[] = [
    {
      key: 'chosen',
      tone: 'idle',
      text: everything !== null ? `All tests run: ${everything}` : `${count(chosen, 'test')} chosen, ${left_out.toLocaleString('en')} left out`,
    },
    ...run.missing_tags.map((one) => ({ key: `m${one.tag}`, tone: 'warn' as const, text: `Tag ${one.tag} is missing in the commit; ${one.because} added it, with ${count(one.tests, 'test')}` })),
    ...run.unknown_tags.map((one) => ({ key: `u${one.tag}`, tone: 'warn' as const, text: `There is no tag ${one.tag}${one.nearest === null ? '' : `; is ${one.nearest} meant?`}` })),
    ...run.unknown_tests.map((one) => ({ key: `t${one.test}`, tone: 'warn' as const, text: `There is no test ${one.test}${one.nearest === null ? '' : `; is ${one.nearest} meant?`}` })),
  ];
  const bound = boundSays(run);
  if (run.makespan !== null) notes.push({ key: 'makespan', tone: 'idle', text: `${duration(run.makespan)}${bound === '' ? '' : `, ${bound}`}` });
  if (run.advice !== '') notes.push({ key: 'advice', tone: 'idle', text: `To be faster: ${run.advice}` });
  return (
    <ul className="bbcd-notes">
      {notes.map(({ key, tone, text }) => (
        <li key={key} className={`bbcd-tone-${tone}`}>
          {tone === 'warn' && <Sign tone="warn" size={14} />} {text}
        </li>
      ))}
    </ul>
  );
}

const ROWS = 100;

function Tests({ run, tests }: { run: Run; tests: RunTest[] }) {
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const schedule = useMemo(() => scheduleOf(run, tests), [run, tests]);
  const failed = tests.filter((test) => outcomeTone(test.outcome) === 'bad');
  const needle = text.toLowerCase();
  const shown = tests.filter((test) => needle === '' || [test.nid, test.worker ?? '', ...test.reasons].some((field) => field.toLowerCase().includes(needle)));
  return (
    <>
      {schedule !== null && <SchedulePicture schedule={schedule} />}
      {failed.map((test) => (
        <Failed key={test.nid} test={test} />
      ))}
      <details className="bbcd-more-tests" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{count(tests.length, 'test')}, with the reason for each</summary>
        {open && (
          <>
            <div className="bbcd-body">
              <input type="search" data-bbcd-filter="" placeholder="Filter tests ( / )" aria-label="Filter tests" value={text} onChange={(event) => setText(event.target.value)} />
            </div>
            {shown.length === 0 ? <Empty title="No test matches" /> : <TestTable tests={shown.slice(0, ROWS)} />}
            {shown.length > ROWS && <p className="bbcd-more bbcd-muted">and {shown.length - ROWS} more: filter to see them</p>}
          </>
        )}
      </details>
    </>
  );
}

function Failed({ test }: { test: RunTest }) {
  return (
    <div className="bbcd-failed-test">
      <p>
        <Badge tone="bad" label={test.outcome ?? ''} /> <code>{test.nid}</code> <span className="bbcd-muted">{test.worker}</span>
      </p>
      {test.text !== '' && <pre tabIndex={0}>{test.text}</pre>}
    </div>
  );
}

function TestTable({ tests }: { tests: RunTest[] }) {
  return (
    <div className="bbcd-scroll">
      <table className="bbcd-table bbcd-dense">
        <Columns names={['Test', 'Outcome', 'Took', 'Expected', 'Worker', 'Why it runs']} />
        <tbody>
          {tests.map((test) => (
            <tr key={test.nid}>
              <td>
                <code>{test.nid}</code>
              </td>
              <td className="bbcd-state">
                <Badge tone={test.state === 'claimed' ? 'busy' : outcomeTone(test.outcome)} label={test.outcome ?? test.state} />
              </td>
              <td className="bbcd-num">{duration(test.seconds)}</td>
              <td className="bbcd-num bbcd-muted">{duration(test.estimate)}</td>
              <td>{test.worker ?? '–'}</td>
              <td className="bbcd-muted">{test.reasons.join('; ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
