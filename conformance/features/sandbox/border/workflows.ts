// Workflows that use what came over the border, and that try to get out.

/** Bytes, and what the platform offers for them. */
export async function borderBytes(bytes: Uint8Array): Promise<Uint8Array> {
  const text = new TextDecoder().decode(bytes);
  const copy = structuredClone({ text });
  const url = new URL(`https://example.com/?q=${encodeURIComponent(copy.text)}`);
  return new TextEncoder().encode(`${url.searchParams.get('q')}!`);
}

type Maker = (code: string) => () => unknown;

/** Climbs from each object to the function that makes functions, and asks it for the process. */
export async function borderEscapes(argument: { list: unknown[] }, bytes: Uint8Array): Promise<{ tried: number; found: string[] }> {
  const thrown = (): unknown => {
    try {
      return (undefined as unknown as { a: unknown }).a;
    } catch (error) {
      return error;
    }
  };
  const starts: Record<string, unknown> = {
    argument,
    list: argument.list,
    bytes,
    buffer: bytes.buffer,
    error: thrown(),
    promise: Promise.resolve(),
    timer: setTimeout,
    console,
    crypto,
    global: globalThis,
    arguments: (function (..._: unknown[]) {
      // biome-ignore lint/complexity/noArguments: it is one of the ways
      return arguments;
    })(1),
  };
  const found: string[] = [];
  let tried = 0;
  for (const [name, start] of Object.entries(starts)) {
    for (const code of ['typeof process', 'typeof require', 'typeof globalThis.process']) {
      tried += 1;
      try {
        const make = (start as { constructor: { constructor: Maker } }).constructor.constructor;
        const answer = make(`return ${code}`)();
        if (answer !== 'undefined') found.push(`${name}: ${code} is ${String(answer)}`);
      } catch {
        // No code can be made from text: this way is closed.
      }
    }
  }
  return { tried, found };
}
