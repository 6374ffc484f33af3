// SPDX-License-Identifier: GPL-2.0-only
// Buttons that act, and the dialog that asks before anything is done.
import React, { useId, useRef, useState } from 'react';
import { act, ApiError, serverNow } from '../api/client';
import { useMay } from '../api/useMay';
import { barrier, type Action } from '../model/actions';
import { Sign } from './Mark';

/** What the master has refused for lack of permission while this page is open, by method. */
const refused = new Map<string, string>();

export function Actions({ actions, done, small = false }: { actions: Action[]; done: () => void; small?: boolean }) {
  const [open, setOpen] = useState<Action | null>(null);
  const [, renew] = useState(0);
  const note = useId();
  const closed = barrier(window.buildbotFrontendConfig);
  const mayNot = useMay(actions.map((action) => action.path));
  const why = (action: Action) => closed ?? mayNot(action.path, action.method) ?? refused.get(`${action.path.split('/')[1]} ${action.method}`) ?? null;
  const reasons = [...new Set(actions.flatMap((action) => why(action) ?? []))];
  if (actions.length === 0) return null;
  const close = (changed: boolean) => {
    setOpen(null);
    renew((n) => n + 1);
    if (changed) done();
  };
  return (
    <div className="bbcd-actions" role="group" aria-label="Actions">
      {actions.map((action) => (
        <button
          key={action.method}
          type="button"
          className={`bbcd-button${small ? ' bbcd-small' : ''}${action.danger ? ' bbcd-danger' : ''}`}
          aria-disabled={why(action) !== null}
          aria-describedby={why(action) === null ? undefined : note}
          title={why(action) ?? action.explain}
          onClick={() => why(action) === null && setOpen(action)}
        >
          {action.label}
        </button>
      ))}
      <span id={note} className={small ? 'bbcd-unseen' : 'bbcd-muted bbcd-why'}>
        {reasons.join(' ')}
      </span>
      {open !== null && <Confirm action={open} now={actions.find((one) => one.method === open.method) ?? null} close={close} />}
    </div>
  );
}

/** `now`: the same action as it would be offered at this moment; null if the rules allow it no more. */
function Confirm({ action, now, close }: { action: Action; now: Action | null; close: (changed: boolean) => void }) {
  const [reason, setReason] = useState('');
  const [hours, setHours] = useState('');
  const [passing, setPassing] = useState('');
  const [state, setState] = useState<'asking' | 'sending'>('asking');
  const [error, setError] = useState<ApiError | null>(null);
  const id = useId();
  const shown = useRef(false);
  const show = (dialog: HTMLDialogElement | null) => {
    if (dialog === null || shown.current) return;
    shown.current = true;
    dialog.showModal();
  };
  const stale = state === 'asking' && (now === null || now.expect !== action.expect);
  const lacking = action.reason === 'required' && reason.trim() === '';
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (lacking || stale || state === 'sending') return;
    setState('sending');
    setError(null);
    const params: Record<string, unknown> = { expect: action.expect };
    if (reason.trim() !== '') params.reason = reason.trim();
    if (hours !== '') params.until = serverNow() + Number(hours) * 3600;
    if (Number(passing) > 0) params.min_priority = Number(passing);
    try {
      await act(action.path, action.method, params);
      close(true);
    } catch (failure) {
      const told = failure instanceof ApiError ? failure : new ApiError(String(failure), 0);
      if (told.forbidden) refused.set(`${action.path.split('/')[1]} ${action.method}`, `Not permitted: ${told.message}.`);
      setError(told);
      setState('asking');
    }
  };
  return (
    <dialog ref={show} className="bbcd-dialog" aria-labelledby={`${id}-title`} onCancel={() => close(false)} onClose={() => close(false)}>
      <form onSubmit={submit}>
        <h2 id={`${id}-title`}>{action.label}</h2>
        <p>{action.explain}</p>
        {action.facts.length > 0 && (
          <dl className="bbcd-facts">
            {action.facts.map(([name, value]) => (
              <React.Fragment key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </React.Fragment>
            ))}
          </dl>
        )}
        {action.reason !== 'none' && (
          <label className="bbcd-field">
            <span>
              Reason {action.reason === 'optional' ? <span className="bbcd-muted">(optional)</span> : <span className="bbcd-muted">shown to everybody who waits</span>}
            </span>
            <textarea autoFocus rows={2} maxLength={1000} required={action.reason === 'required'} value={reason} onChange={(event) => setReason(event.target.value)} />
          </label>
        )}
        {action.until && (
          <label className="bbcd-field">
            <span>Ends by itself</span>
            <select value={hours} onChange={(event) => setHours(event.target.value)}>
              <option value="">when somebody resumes</option>
              {[0.5, 1, 2, 4, 8, 24, 72].map((n) => (
                <option key={n} value={n}>
                  {n < 1 ? 'in 30 minutes' : n === 1 ? 'in 1 hour' : `in ${n} hours`}
                </option>
              ))}
            </select>
          </label>
        )}
        {action.passing && (
          <label className="bbcd-field">
            <span>
              Let landings pass from priority <span className="bbcd-muted">(empty: none pass)</span>
            </span>
            <input type="number" min={1} step={1} value={passing} onChange={(event) => setPassing(event.target.value)} />
          </label>
        )}
        {stale && error === null && <Refusal text="This has changed while the dialog was open. Close it and look again." />}
        {error !== null && <Refusal text={error.stale ? `Nothing was done: ${error.message}` : error.message} />}
        <div className="bbcd-dialog-foot">
          <button type="button" className="bbcd-button" onClick={() => close(error !== null)}>
            Cancel
          </button>
          <button type="submit" className={`bbcd-button ${action.danger ? 'bbcd-danger-solid' : 'bbcd-primary'}`} disabled={lacking || stale || state === 'sending'}>
            {state === 'sending' ? 'Sending…' : action.confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function Refusal({ text }: { text: string }) {
  return (
    <p className="bbcd-refusal" role="alert">
      <Sign tone="bad" size={14} /> {text}
    </p>
  );
}
