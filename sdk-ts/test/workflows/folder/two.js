// The other, in JavaScript. It fails when it is evaluated by a run of the first file.
if (globalThis.forbidden) throw new Error('evaluated for nothing');

export async function second(name) {
  return `second ${name}`;
}
