// Event, EventTarget, DOMException, AbortController and AbortSignal made of the sandbox's own objects.

const DOM_CODES: Record<string, number> = {
  NotFoundError: 8,
  NotSupportedError: 9,
  SyntaxError: 12,
  AbortError: 20,
  TimeoutError: 23,
  DataCloneError: 25,
};

export class DOMException extends Error {
  readonly code: number;

  constructor(message = '', options: string | { name?: string; cause?: unknown } = 'Error') {
    const { name = 'Error', cause } = typeof options === 'string' ? { name: options } : options;
    super(message, cause === undefined ? undefined : { cause });
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true });
    this.code = DOM_CODES[name] ?? 0;
  }
}

export class Event {
  readonly type: string;
  readonly cancelable: boolean;
  readonly bubbles = false;
  target: unknown = null;
  currentTarget: unknown = null;
  defaultPrevented = false;
  stopped = false;

  constructor(type: string, options: { cancelable?: boolean } = {}) {
    this.type = String(type);
    this.cancelable = options.cancelable ?? false;
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.stopped = true;
  }
}

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registration {
  readonly type: string;
  readonly listener: Listener;
  readonly once: boolean;
}

/** Told about errors of listeners, which must not stop the one who dispatches. Set by the sandbox. */
let reportError: (error: unknown) => void = () => {};

export function onListenerError(report: (error: unknown) => void): void {
  reportError = report;
}

export class EventTarget {
  #registrations: Registration[] = [];

  addEventListener(type: string, listener: Listener | null, options: boolean | { once?: boolean; signal?: AbortSignal } = {}): void {
    if (listener === null || listener === undefined) return;
    const { once = false, signal } = typeof options === 'object' ? options : {};
    if (signal?.aborted) return;
    if (this.#registrations.some((known) => known.type === type && known.listener === listener)) return;
    this.#registrations.push({ type, listener, once });
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener), { once: true });
  }

  removeEventListener(type: string, listener: Listener | null): void {
    this.#registrations = this.#registrations.filter((known) => known.type !== type || known.listener !== listener);
  }

  dispatchEvent(event: Event): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const known of [...this.#registrations]) {
      if (known.type !== event.type || event.stopped || !this.#registrations.includes(known)) continue;
      if (known.once) this.removeEventListener(known.type, known.listener);
      try {
        if (typeof known.listener === 'function') known.listener.call(this, event);
        else known.listener.handleEvent(event);
      } catch (error) {
        reportError(error);
      }
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
}

const MAKE = Symbol('make');

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown;
  #dependents: AbortSignal[] = [];
  onabort: ((event: Event) => unknown) | null = null;

  constructor(key?: symbol) {
    super();
    if (key !== MAKE) throw new TypeError('Illegal constructor');
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(MAKE);
    AbortSignal.fire(signal, reason);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const result = new AbortSignal(MAKE);
    for (const signal of signals) {
      if (signal.#aborted) {
        AbortSignal.fire(result, signal.#reason);
        return result;
      }
      signal.#dependents.push(result);
    }
    return result;
  }

  static create(): AbortSignal {
    return new AbortSignal(MAKE);
  }

  static fire(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
    const event = new Event('abort');
    if (typeof signal.onabort === 'function') {
      try {
        signal.onabort.call(signal, event);
      } catch (error) {
        reportError(error);
      }
    }
    signal.dispatchEvent(event);
    for (const dependent of signal.#dependents) AbortSignal.fire(dependent, signal.#reason);
  }
}

export class AbortController {
  readonly signal: AbortSignal = AbortSignal.create();

  abort(reason?: unknown): void {
    AbortSignal.fire(this.signal, reason);
  }
}

/** A timer of the run behind AbortSignal.timeout. */
export function installAbortTimeout(setTimeout: (callback: () => void, ms: number) => unknown): void {
  Object.defineProperty(AbortSignal, 'timeout', {
    value: function timeout(ms: number): AbortSignal {
      const signal = AbortSignal.create();
      setTimeout(() => AbortSignal.fire(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), ms);
      return signal;
    },
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
