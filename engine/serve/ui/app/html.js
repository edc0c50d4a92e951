// What the page draws with: Preact and htm, from the one vendored module.
export {
  Component, h, html, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/preact.js";
