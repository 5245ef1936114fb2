// eval and the constructors of functions. Code made from text must not import(): the engine leaves that to the host, whose errors would
// lead to the host's own objects.

/** import( and import. with whatever may stand between: white space, comments. What looks like it inside strings is refused too. */
const IMPORTS = /\bimport\b\s*[(./<-]/;

type AnyFunction = (...args: unknown[]) => unknown;

/** Replaces them in the given global, and wherever functions lead to them. */
export function installCode(global: typeof globalThis): void {
  const Guarded = guardConstructor(global.Function as unknown as AnyFunction, global.Function.prototype);
  define(global, 'Function', Guarded);
  for (const sample of [async () => {}, function* () {}, async function* () {}]) {
    const proto = Object.getPrototypeOf(sample) as { constructor: AnyFunction };
    const { constructor: native } = proto;
    // It leads to Function by its prototype.
    Object.setPrototypeOf(native, Guarded as object);
    guardConstructor(native, proto);
  }
  define(global, 'eval', new Proxy(global.eval as AnyFunction, { apply: (target, _self, [code]) => target(checked(code)) }));
}

function guardConstructor(native: AnyFunction, proto: object): AnyFunction {
  const guarded = new Proxy(native, {
    apply: (target, _self, args) => Reflect.apply(target, undefined, checkedAll(args)),
    construct: (target, args, newTarget) => Reflect.construct(target, checkedAll(args), newTarget) as object,
  });
  define(proto, 'constructor', guarded);
  return guarded;
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
}

/** Made text once: an object could answer differently the next time. */
function checkedAll(args: readonly unknown[]): string[] {
  const texts = args.map((arg) => `${arg as string}`);
  checked(texts.join(','));
  return texts;
}

function checked(code: unknown): unknown {
  if (typeof code === 'string' && IMPORTS.test(code)) {
    throw new EvalError('import() is not available in code made from text: import at the top of the workflow file');
  }
  return code;
}
