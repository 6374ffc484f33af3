// SPDX-License-Identifier: GPL-2.0-only
// The keyboard: "g" and a letter goes to a page, "/" to the filter, "?" shows this list.
import React, { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router-dom';
import { TABS } from './tabs';

const CHORD = 1200;

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function Keys() {
  const navigate = useNavigate();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    let pressedG = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector('dialog[open]')) return;
      const tab = TABS.find((one) => one.key === event.key);
      if (event.key === '?') dialog.current?.showModal();
      else if (event.key === 'g') pressedG = event.timeStamp;
      else if (tab !== undefined && event.timeStamp - pressedG < CHORD) navigate(tab.to);
      else if (event.key === '/') {
        const filter = document.querySelector<HTMLInputElement>('.bbcd [data-bbcd-filter]');
        if (filter === null) return;
        event.preventDefault();
        filter.focus();
        filter.select();
      }
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [navigate]);
  return (
    <>
      <button type="button" className="bbcd-keys" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => dialog.current?.showModal()}>
        ?
      </button>
      <dialog ref={dialog} className="bbcd-dialog" aria-label="Keyboard shortcuts">
        <h2>Keyboard</h2>
        <dl className="bbcd-keylist">
          {TABS.map(({ key, label }) => (
            <React.Fragment key={key}>
              <dt>
                <kbd>g</kbd> <kbd>{key}</kbd>
              </dt>
              <dd>{label}</dd>
            </React.Fragment>
          ))}
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Filter</dd>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>This list</dd>
        </dl>
        <form method="dialog" className="bbcd-dialog-foot">
          <button className="bbcd-button">Close</button>
        </form>
      </dialog>
    </>
  );
}
