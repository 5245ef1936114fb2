// What would ask the books.
export async function salesSince(report: number): Promise<number> {
  return 100 + report;
}
