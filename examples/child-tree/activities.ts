// What would list a folder: three levels of three folders with two files each.
export interface Listing {
  readonly files: number;
  readonly folders: readonly string[];
}

export async function listFolder(folder: string): Promise<Listing> {
  const depth = folder.split('/').length - 1;
  return { files: 2, folders: depth < 3 ? ['a', 'b', 'c'] : [] };
}
