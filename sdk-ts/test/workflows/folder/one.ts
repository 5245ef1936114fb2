// One of two files of a directory.

let evaluated = 0;
evaluated += 1;

export async function first(): Promise<number> {
  return evaluated;
}

export const notAWorkflow = 7;

export class NotAWorkflowEither {}
