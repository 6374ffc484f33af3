// SPDX-License-Identifier: GPL-2.0-only
import { useEffect, useState } from 'react';

/** The value once it has stood still for `pause` milliseconds: nobody is asked at every letter that is typed. */
export function useSettled<T>(value: T, pause = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), pause);
    return () => window.clearTimeout(timer);
  }, [value, pause]);
  return settled;
}
