// SPDX-License-Identifier: GPL-2.0-only
import { useEffect, useState } from 'react';
import { serverNow } from '../api/client';

/** The master's clock in seconds, renewed every `every` milliseconds while the tab is looked at. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const tick = () => document.visibilityState === 'visible' && setNow(serverNow());
    tick();
    const timer = window.setInterval(tick, every);
    return () => window.clearInterval(timer);
  }, [every]);
  return now;
}
