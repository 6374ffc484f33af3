// SPDX-License-Identifier: GPL-2.0-only
// Incidents: all of them with what is missing, and one as the blameless record that closes by a test.
import React, { useEffect, useId, useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router-dom';
import { act, ApiError } from '../api/client';
import type { Incident, IncidentLine, Proof, ProofSide } from '../api/types';
import { useMay } from '../api/useMay';
import { useResource } from '../api/useResource';
import { ago, clock, clockSeconds, short } from '../model/format';
import { CAUSE, dueSays, incidentLook, inOrder, sideTone, standsSays, WHYS } from '../model/incidents';
import { barrier } from '../model/actions';
import { Empty, Loaded } from '../parts/feedback';
import { Badge, Sign } from '../parts/Mark';
import { Panel, Shell } from '../parts/Shell';
import { useNow } from '../parts/useNow';

export function IncidentsPage() {
  const [params, setParams] = useSearchParams();
  const all = params.get('all') !== null;
  const incidents = useResource<Incident>(`cd/incidents?limit=200${all ? '' : '&open=1'}`, 'incidents', ['cd/incidents/*/*']);
  const now = useNow(30_000);
  const toggle = (
    <button type="button" className="bbcd-button bbcd-small" aria-pressed={all} onClick={() => setParams(all ? {} : { all: '' })}>
      {all ? 'Open ones only' : 'Closed ones too'}
    </button>
  );
  return (
    <Shell title="Incidents">
      <Panel title="Incidents" note="anything can break once: each closes by a test that is shown to catch it" aside={toggle}>
        <Loaded from={incidents} lines={6}>
          {(found) =>
            found.length === 0 ? (
              <Empty title={all ? 'Nothing was ever taken back' : 'Nothing is left to be learnt'}>
                <p>A revert or a rollback opens an incident by itself.</p>
              </Empty>
            ) : (
              <ul className="bbcd-list">
                {inOrder(found).map((one) => (
                  <li key={one.id}>
                    <span className="bbcd-landing-text">
                      <Link to={`/cd/incidents/${one.id}`} className="bbcd-subject" title={one.subject}>
                        {one.subject}
                      </Link>
                      <span className="bbcd-muted">
                        incident {one.id} · {CAUSE[one.cause] ?? one.cause}
                        {one.landing !== null && (
                          <>
                            {' · '}
                            <Link to={`/cd/landings/${one.landing}`}>#{one.landing}</Link> {one.change}
                          </>
                        )}
                      </span>
                    </span>
                    <Badge {...incidentLook(one)} />
                    <span className="bbcd-muted bbcd-num bbcd-when">{dueSays(one, now)}</span>
                    {one.obstacle !== '' && <p className="bbcd-reason">{one.obstacle}</p>}
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Panel>
    </Shell>
  );
}

export function IncidentPage() {
  const { id = '' } = useParams();
  const number = /^\d+$/.test(id) ? id : null;
  const incident = useResource<Incident>(number === null ? null : `cd/incidents/${number}`, 'incidents', [`cd/incidents/${number}/*`]);
  return (
    <Shell title={`Incident ${id}`}>
      {number === null ? <Empty title="There is no such incident" /> : <Loaded from={incident}>{([one]) => one !== undefined && <Record incident={one} reload={incident.reload} />}</Loaded>}
    </Shell>
  );
}

function Record({ incident, reload }: { incident: Incident; reload: () => void }) {
  const now = useNow(30_000);
  const { tone } = incidentLook(incident);
  return (
    <>
      <section className={`bbcd-banner bbcd-tone-${tone}`} aria-label="Incident">
        <Sign tone={tone} size={26} />
        <div className="bbcd-banner-text">
          <p className="bbcd-answer" aria-live="polite">
            {standsSays(incident, now)}
          </p>
          <h1>{incident.subject}</h1>
          <p>
            {CAUSE[incident.cause] ?? incident.cause} · opened {clock(incident.opened_at, now)}
            {incident.landing !== null && (
              <>
                {' · '}
                <Link to={`/cd/landings/${incident.landing}`}>landing #{incident.landing}</Link>
              </>
            )}{' '}
            · bad revision <code>{short(incident.bad)}</code>
          </p>
          {incident.obstacle !== '' && <p className="bbcd-waits">{incident.obstacle}</p>}
        </div>
      </section>
      <Regression incident={incident} reload={reload} />
      <Whys incident={incident} reload={reload} />
      <Panel title="What happened" note="from what was recorded while it happened">
        <Story lines={incident.timeline ?? []} />
      </Panel>
    </>
  );
}

/** Why an action cannot be used now: not signed in, not permitted, or not in this state. */
function useWhyNot(incident: Incident): (method: string) => string | null {
  const address = `cd/incidents/${incident.id}`;
  const mayNot = useMay([address]);
  return (method) => barrier(window.buildbotFrontendConfig) ?? mayNot(address, method);
}

function useSending(incident: Incident, reload: () => void) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (method: string, params: Record<string, unknown>): Promise<boolean> => {
    setBusy(true);
    setError(null);
    try {
      await act(`cd/incidents/${incident.id}`, method, { expect: incident.version, ...params });
      reload();
      return true;
    } catch (failure) {
      const told = failure instanceof ApiError ? failure : new ApiError(String(failure), 0);
      setError(told.stale ? `Nothing was done: ${told.message}` : told.message);
      if (told.stale) reload();
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { error, busy, send };
}

function Regression({ incident, reload }: { incident: Incident; reload: () => void }) {
  const [test, setTest] = useState(incident.test);
  const { error, busy, send } = useSending(incident, reload);
  const whyNot = useWhyNot(incident);
  const id = useId();
  useEffect(() => setTest(incident.test), [incident.test]);
  const may = incident.can.includes('name_test');
  const changed = test.trim() !== incident.test;
  const hindered = whyNot('name_test') ?? whyNot('prove');
  const prove = async () => {
    if (changed && !(await send('name_test', { test: test.trim() }))) return;
    await send('prove', changed ? { expect: incident.version + 1 } : {});
  };
  return (
    <Panel title="The test that catches it" note="it has to fail on the bad revision and to pass on trunk; the system runs both">
      <div className="bbcd-body">
        <form
          className="bbcd-line"
          onSubmit={(event) => {
            event.preventDefault();
            if (hindered === null && !busy) void prove();
          }}
        >
          <label htmlFor={`${id}-test`} className="bbcd-unseen">
            Regression test
          </label>
          <input id={`${id}-test`} list={`${id}-known`} value={test} disabled={!may} maxLength={1000} placeholder="tests/test_cart.py::test_total" onChange={(event) => setTest(event.target.value)} />
          <datalist id={`${id}-known`}>
            {(incident.suggested ?? []).map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          {may && (
            <button type="submit" className="bbcd-button bbcd-primary" disabled={busy || test.trim() === ''} aria-disabled={hindered !== null} title={hindered ?? 'Runs it on both revisions'}>
              {busy ? 'Sending…' : 'Run it on both'}
            </button>
          )}
        </form>
        {hindered !== null && <p className="bbcd-muted bbcd-why">{hindered}</p>}
        {error !== null && (
          <p className="bbcd-refusal" role="alert">
            <Sign tone="bad" size={14} /> {error}
          </p>
        )}
        {incident.state === 'proving' && (
          <p role="status">
            <Sign tone="busy" size={14} /> It runs on both revisions now, on the pool of test workers.
          </p>
        )}
        {incident.proof !== null && <Shown proof={incident.proof} />}
      </div>
    </Panel>
  );
}

function Shown({ proof }: { proof: Proof }) {
  return (
    <div className="bbcd-proof">
      <Side title="On the bad revision" side={proof.bad} wanted="failed" />
      <Side title="On trunk" side={proof.trunk} wanted="passed" />
      <p className="bbcd-proof-says">
        <Sign tone={proof.holds ? 'good' : 'warn'} size={15} /> {proof.says}
      </p>
    </div>
  );
}

function Side({ title, side, wanted }: { title: string; side: ProofSide; wanted: 'failed' | 'passed' }) {
  const tone = sideTone(side, wanted);
  return (
    <div className={`bbcd-proof-side bbcd-tone-${tone}`}>
      <h3>{title}</h3>
      <p>
        <Sign tone={tone} size={18} /> <b>{side.outcome}</b> <span className="bbcd-muted">wanted: {wanted}</span>
      </p>
      <p className="bbcd-muted">
        <code>{short(side.revision)}</code>
        {side.run !== null && ` · run ${side.run}`}
      </p>
    </div>
  );
}

function Whys({ incident, reload }: { incident: Incident; reload: () => void }) {
  const whyNot = useWhyNot(incident);
  const given = incident.whys.filter((one) => one !== '').length;
  return (
    <Panel title="Five whys" note={`${given} of ${incident.whys.length} answered; what let it happen, never who`}>
      <ol className="bbcd-whys">
        {incident.whys.map((answer, i) => (
          <Why key={i} number={i + 1} answer={answer} incident={incident} reload={reload} hindered={whyNot('answer')} />
        ))}
      </ol>
    </Panel>
  );
}

function Why(props: { number: number; answer: string; incident: Incident; reload: () => void; hindered: string | null }) {
  const { number, answer, incident, reload, hindered } = props;
  const [text, setText] = useState<string | null>(null);
  const { error, busy, send } = useSending(incident, reload);
  const question = WHYS[number - 1] ?? 'Why?';
  const save = async (event: React.FormEvent) => {
    event.preventDefault();
    if (text !== null && (await send('answer', { why: number, text }))) setText(null);
  };
  return (
    <li>
      <h3>{question}</h3>
      {text === null ? (
        <p className={answer === '' ? 'bbcd-muted' : 'bbcd-answered'}>
          {answer === '' ? 'Not answered yet.' : answer}{' '}
          <button type="button" className="bbcd-link" aria-label={`${answer === '' ? 'Answer' : 'Edit'}: ${question}`} aria-disabled={hindered !== null} title={hindered ?? undefined} onClick={() => hindered === null && setText(answer)}>
            {answer === '' ? 'Answer' : 'Edit'}
          </button>
        </p>
      ) : (
        <form onSubmit={save}>
          <textarea aria-label={question} rows={3} maxLength={2000} value={text} onChange={(event) => setText(event.target.value)} autoFocus />
          {error !== null && (
            <p className="bbcd-refusal" role="alert">
              <Sign tone="bad" size={14} /> {error}
            </p>
          )}
          <div className="bbcd-line">
            <button type="submit" className="bbcd-button bbcd-primary bbcd-small" disabled={busy}>
              Save
            </button>
            <button type="button" className="bbcd-button bbcd-small" onClick={() => setText(null)}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </li>
  );
}

const SIGN: Record<string, 'idle' | 'busy' | 'warn' | 'back'> = { transition: 'busy', run: 'idle', verdict: 'warn', incident: 'back' };

function Story({ lines }: { lines: IncidentLine[] }) {
  if (lines.length === 0) return <Empty title="Nothing was recorded" />;
  const from = lines[0]?.at ?? 0;
  return (
    <ol className="bbcd-legs">
      {lines.map((line, i) => (
        <li key={i}>
          <Sign tone={SIGN[line.kind] ?? 'idle'} size={15} />
          <b>{line.what.charAt(0).toUpperCase() + line.what.slice(1)}</b>
          <span className="bbcd-leg-why">{line.text}</span>
          <span className="bbcd-muted bbcd-num">{line.at === from ? '' : `+${ago(from, line.at).replace(' ago', '').replace('just now', '0 s')}`}</span>
          <time className="bbcd-muted bbcd-num">{clockSeconds(line.at)}</time>
        </li>
      ))}
    </ol>
  );
}
