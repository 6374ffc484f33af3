// SPDX-License-Identifier: GPL-2.0-only
import React, { useRef, useState } from 'react';

/** A text to take along. Where the browser does not copy, as over plain http, it is selected for the keys that do. */
export function CopyText({ text, label }: { text: string; label: string }) {
  const place = useRef<HTMLPreElement>(null);
  const [said, say] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      if (place.current !== null) window.getSelection()?.selectAllChildren(place.current);
      say('Selected: copy it with the keyboard');
    }
  };
  return (
    <div className="bbcd-copy">
      <pre ref={place} tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <p className="bbcd-line">
        <button type="button" className="bbcd-button bbcd-small" onClick={() => void copy()}>
          Copy the patch
        </button>
        <span className="bbcd-muted" role="status">
          {said}
        </span>
      </p>
    </div>
  );
}
