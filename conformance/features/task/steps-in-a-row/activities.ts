// An activity that takes no time.

export async function stepsSquare(step: number): Promise<number> {
  return step * step;
}
