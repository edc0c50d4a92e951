// Tells whoever draws that something changed: at most once a frame, however many events came.
import { useEffect, useState } from "./html.js";

/** A value that changes in place; listeners hear of all changes of a frame at once. */
export class Signal {
  constructor() {
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.due = false;
  }

  /** Something changed. In a hidden tab, where no frames are drawn, listeners are told a few times a second. */
  changed() {
    if (this.due) return;
    this.due = true;
    const tell = () => {
      this.due = false;
      for (const listener of [...this.listeners]) listener();
    };
    if (document.hidden) setTimeout(tell, 250);
    else requestAnimationFrame(tell);
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/**
 * Draws the component anew when the signal says so.
 * @param {Signal} signal
 */
export function useSignal(signal) {
  const [, draw] = useState(0);
  useEffect(() => signal.listen(() => draw((count) => count + 1)), [signal]);
}

/**
 * Draws the component anew every so often, for what shows a running clock.
 * @param {number} everyMs
 * @param {boolean} on
 */
export function useTicking(everyMs, on) {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.hidden || draw((count) => count + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, on]);
}
