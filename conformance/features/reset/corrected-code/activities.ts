// A quote.
export async function correctedCodeQuote(): Promise<number> {
  return 40;
}
