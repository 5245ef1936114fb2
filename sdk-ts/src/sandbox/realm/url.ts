// URL and URLSearchParams: parsing is done by a captured host function that takes and gives text only.

/** Parses `input`, then sets one part when a name is given. Answers JSON of the parts, or '' when it is not a URL. */
export type ParseUrl = (input: string, base: string, part: string, value: string) => string;

interface Parts {
  href: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  origin: string;
}

let parseUrl: ParseUrl = () => '';

export function connectUrlParser(parse: ParseUrl): void {
  parseUrl = parse;
}

function parse(input: string, base: string, part = '', value = ''): Parts | undefined {
  let json: string;
  try {
    json = parseUrl(input, base, part, value);
  } catch {
    // An error of the host (out of stack) must not get in.
    throw new RangeError('the URL could not be parsed');
  }
  return json === '' ? undefined : (JSON.parse(json) as Parts);
}

export class URLSearchParams {
  #pairs: [string, string][] = [];
  #changed: (() => void) | undefined;

  constructor(init: string | Iterable<readonly [string, string]> | Record<string, string> = '', changed?: () => void) {
    if (typeof init === 'string') this.#pairs = parseQuery(init.startsWith('?') ? init.slice(1) : init);
    else if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function') {
      for (const [name, value] of init as Iterable<readonly [string, string]>) this.#pairs.push([String(name), String(value)]);
    } else for (const [name, value] of Object.entries(init)) this.#pairs.push([name, String(value)]);
    this.#changed = changed;
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: string, value: string): void {
    this.#pairs.push([String(name), String(value)]);
    this.#changed?.();
  }

  delete(name: string, value?: string): void {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== name || (value !== undefined && pair[1] !== value));
    this.#changed?.();
  }

  get(name: string): string | null {
    return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  has(name: string, value?: string): boolean {
    return this.#pairs.some((pair) => pair[0] === name && (value === undefined || pair[1] === value));
  }

  set(name: string, value: string): void {
    const first = this.#pairs.find((pair) => pair[0] === name);
    if (first === undefined) this.#pairs.push([String(name), String(value)]);
    else {
      first[1] = String(value);
      this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== name);
    }
    this.#changed?.();
  }

  sort(): void {
    this.#pairs.sort((left, right) => (left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : 0));
    this.#changed?.();
  }

  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const [name, value] of this.#pairs) yield [name, value];
  }

  *keys(): Generator<string> {
    for (const [name] of this.#pairs) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.#pairs) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join('&');
  }
}

function parseQuery(text: string): [string, string][] {
  return text
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [decodePart(part), ''] : [decodePart(part.slice(0, at)), decodePart(part.slice(at + 1))];
    });
}

function decodePart(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Damaged escapes stay as they are.
    return spaced;
  }
}

function encodePart(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()~]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

export class URL {
  #parts: Parts;
  #params: URLSearchParams | undefined;

  constructor(input: string | URL, base?: string | URL) {
    const parts = parse(String(input), base === undefined ? '' : String(base));
    if (parts === undefined) throw new TypeError(`Invalid URL: ${String(input)}`);
    this.#parts = parts;
  }

  static canParse(input: string | URL, base?: string | URL): boolean {
    return parse(String(input), base === undefined ? '' : String(base)) !== undefined;
  }

  static parse(input: string | URL, base?: string | URL): URL | null {
    return URL.canParse(input, base) ? new URL(input, base) : null;
  }

  get origin(): string {
    return this.#parts.origin;
  }

  get searchParams(): URLSearchParams {
    this.#params ??= new URLSearchParams(this.#parts.search, () => {
      this.#parts = parse(this.#parts.href, '', 'search', this.#params?.toString() ?? '') ?? this.#parts;
    });
    return this.#params;
  }

  toString(): string {
    return this.#parts.href;
  }

  toJSON(): string {
    return this.#parts.href;
  }

  /** One part, or a change of one part. */
  static part(url: URL, name: keyof Parts, value?: string): string {
    if (value !== undefined) {
      const changed = name === 'href' ? parse(value, '') : parse(url.#parts.href, '', name, value);
      if (changed === undefined) throw new TypeError(`Invalid URL: ${value}`);
      url.#parts = changed;
      if (name === 'href' || name === 'search') url.#params = undefined;
    }
    return url.#parts[name];
  }
}

const access = URL.part;
Reflect.deleteProperty(URL, 'part');
for (const name of ['href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'] as const) {
  Object.defineProperty(URL.prototype, name, {
    get(this: URL) {
      return access(this, name);
    },
    set(this: URL, value: unknown) {
      access(this, name, String(value));
    },
    enumerable: true,
    configurable: true,
  });
}
