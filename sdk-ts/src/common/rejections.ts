/** Rejections nobody listens to: parts of the SDK claim those of the code they run; all others keep their usual effect. */

type Claim = (reason: unknown) => boolean;

const claims: Claim[] = [];
const fallbacks: Claim[] = [];

function onUnhandled(reason: unknown): void {
  for (const claim of claims) if (claim(reason)) return;
  // Somebody else listens and decides.
  if (process.listenerCount('unhandledRejection') > 1) return;
  for (const claim of fallbacks) if (claim(reason)) return;
  // Our listener must not take away Node's default: the error ends the process.
  throw reason;
}

function onHandled(): void {}

/**
 * Asks `claim` about every rejection nobody listens to; true takes it. With `last` only if no other part of the SDK takes it and no other
 * listener is there. The answer stops it.
 */
export function claimRejections(claim: Claim, last = false): () => void {
  if (claims.length + fallbacks.length === 0) {
    process.on('unhandledRejection', onUnhandled);
    // Without a listener Node warns about every rejection that is handled later: in workflow code an ordinary thing.
    process.on('rejectionHandled', onHandled);
  }
  const list = last ? fallbacks : claims;
  const own: Claim = (reason) => claim(reason);
  list.push(own);
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    list.splice(list.indexOf(own), 1);
    if (claims.length + fallbacks.length > 0) return;
    process.off('unhandledRejection', onUnhandled);
    process.off('rejectionHandled', onHandled);
  };
}
